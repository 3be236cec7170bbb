"""The project: settings, addresses, workers. The product itself is in bookings/.

The Celery application of web, worker and beat is here, where every process finds it; its settings
are in broker.py.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")

for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    os.environ.pop(name, None)  # Celery prefers them to its settings; ours is REDIS_URL

app = Celery("topmate", task_cls="topmate.broker:WakeUpTask")
app.config_from_object("topmate.broker:configuration")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="sweeps")  # the sweep stands above the tasks it may start


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Receiving the signal is enough: Celery then leaves Django's LOGGING as it is."""


@worker_ready.connect
def sweep_at_start(**_: Any) -> None:
    """Beat keeps no memory of past runs; a fresh worker looks for due work at once."""
    app.send_task("bookings.tasks.sweep")
