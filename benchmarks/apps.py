"""Installed only by benchmarks.settings: the database's clock is that of the data, too."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils import timezone


class BenchmarksConfig(AppConfig):
    name = "benchmarks"

    def ready(self) -> None:
        from bookings import database_time

        database_time.read = lambda: timezone.now()
