"""How a worker reads from its broker. Loaded by workers only."""

from __future__ import annotations

import time

from celery.worker.consumer import Consumer

PAUSE = 5.0
"""Seconds. A broker that answers and refuses everything, because it is full, is not asked more
often: Celery by itself would five times a second."""


class PatientConsumer(Consumer):
    def on_connection_error_before_connected(self, exc: Exception) -> None:
        super().on_connection_error_before_connected(exc)
        time.sleep(PAUSE)
