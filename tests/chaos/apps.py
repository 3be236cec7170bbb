"""Installed only by tests.chaos.settings: arms each process as it starts."""

from __future__ import annotations

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "tests.chaos"

    def ready(self) -> None:
        from tests.chaos import arming

        arming.arm()
