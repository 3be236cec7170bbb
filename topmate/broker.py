"""Celery's settings and its base task.

A message to a worker only shortens the wait: every piece of work is a row that the next sweep
finds again. So a publish may fail, quickly and without a trace on the page.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from celery.contrib.django.task import DjangoTask
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import transaction
from django.dispatch import receiver

if TYPE_CHECKING:
    _Base = DjangoTask[..., Any]
else:
    _Base = DjangoTask

logger = logging.getLogger(__name__)

VISIBILITY_TIMEOUT = 300  # longer than any task (90 s, the sweep 270 s) and any lease
PAUSE_AFTER_FAILURE = 15.0  # seconds in which a process does not try the broker again


class _Pause:
    """After a failed publish the next ones would each wait for the same dead broker."""

    until = 0.0


class WakeUpTask(_Base):
    """`delay_on_commit` never raises and never holds the request for long."""

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(  # type: ignore[override]
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> None:
        if settings.BROKER_CONFIGURED:
            publish = functools.partial(self.apply_async, args, kwargs, **options)
            transaction.on_commit(functools.partial(_publish_soon, self.name, publish))


class _Request(threading.local):
    waiting: list[functools.partial[None]] | None = None
    """What is to be published when the answer has left. None outside of a request."""


_request = _Request()


@receiver(request_started)
def _hold(**_: Any) -> None:
    _request.waiting = []


@receiver(request_finished)
def _let_go(**_: Any) -> None:
    """The answer is on its way: nobody waits for a broker, even for one that is silent."""
    waiting, _request.waiting = _request.waiting or [], None
    for publish in waiting:
        publish()


def _publish_soon(name: str, publish: functools.partial[Any]) -> None:
    if _request.waiting is None:
        _publish(name, publish)
    else:
        _request.waiting.append(functools.partial(_publish, name, publish))


def _publish(name: str, publish: functools.partial[Any]) -> None:
    if time.monotonic() < _Pause.until:
        return
    try:
        publish()
    except Exception as error:  # whatever the transport raises, the sweep is the answer to it
        _Pause.until = time.monotonic() + PAUSE_AFTER_FAILURE
        logger.warning("%s left to the sweep: the broker did not take it (%s)", name, error)


def _schedule() -> dict[str, Any]:
    every = settings.SWEEP_EVERY.total_seconds()
    return {
        "sweep": {
            "task": "bookings.tasks.sweep",
            "schedule": every,
            # While no worker runs, ticks must not pile up: one is as good as a hundred.
            "options": {"expires": max(30.0, 2 * every)},
        }
    }


def _transport() -> dict[str, Any]:
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT,
        # kombu looks for lost tasks each 10 s but acts each tenth time only, unless told so
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 1.5,
        "socket_timeout": 2,
        "socket_keepalive": True,
        "max_retries": 1,
        "retry_policy": {"timeout": 2.0},
    }


configuration: dict[str, Any] = {
    "broker_url": settings.BROKER_URL,
    "broker_transport_options": _transport(),
    "result_backend_transport_options": {"visibility_timeout": VISIBILITY_TIMEOUT},
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "broker_connection_timeout": 2,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # Without it a worker ends itself when Redis is full. What it could not take is done by a sweep.
    "broker_channel_error_retry": True,
    "worker_consumer": "topmate.consumer:PatientConsumer",
    "task_publish_retry": True,
    "task_publish_retry_policy": {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    },
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "enable_utc": True,
    "timezone": "UTC",
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_time_limit": 90,
    "task_soft_time_limit": 60,
    "task_default_queue": "topmate",
    "worker_prefetch_multiplier": 1,
    "worker_max_tasks_per_child": 500,
    "worker_soft_shutdown_timeout": 30,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "beat_scheduler": "celery.beat:Scheduler",
    "beat_schedule": _schedule(),
}
