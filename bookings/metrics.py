"""What is counted while the site runs, for `/metrics`: requests and their time, providers' answers,
e-mails that were sent.

Nothing is counted, and nobody is delayed, where no METRICS_TOKEN or METRICS_FROM asks for it. Each
process writes to files of its own in DATA_DIR, and whichever is asked adds all of them up: so web
and worker are counted together. The figures of the database are in `health.metrics`.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper ends, in seconds."""


class Counted:
    """The counters of this process. The library reads where its files are when it is imported."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from prometheus_client import Counter, Histogram, values

        # Containers may share the folder, and each numbers its processes from one.
        own = values.MultiProcessValue(process_identifier=_process)  # type: ignore[no-untyped-call]
        values.ValueClass = own
        self.folder = folder
        self.requests = Histogram(
            "topmate_request_seconds",
            "Time until the answer was ready, by name of the page.",
            ("page", "method", "status"),
            buckets=BUCKETS,
            registry=None,
        )
        self.answers = Counter(
            "topmate_provider_answers",
            "Answers of payment providers; 0 is none.",
            ("host", "status"),
            registry=None,
        )
        self.mails = Counter("topmate_emails_sent", "E-mails handed over.", registry=None)

    def text(self) -> bytes:
        """Of all processes, in the format of Prometheus."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


_counted: Counted | None = None


def is_asked_for() -> bool:
    return bool(settings.METRICS_TOKEN or settings.METRICS_FROM)


def counted() -> Counted | None:
    global _counted
    if _counted is None and is_asked_for():
        _counted = Counted(Path(settings.DATA_DIR) / "metrics")
    return _counted


def _process() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def forget_ended() -> None:
    """Files of this machine's processes that have ended; for whoever starts the web processes. What
    they counted is gone then, which Prometheus takes for a restart."""
    own = re.compile(rf"_{re.escape(socket.gethostname())}-(\d+)\.db$")
    for file in (Path(settings.DATA_DIR) / "metrics").glob("*.db"):
        if (found := own.search(file.name)) and not Path(f"/proc/{found[1]}").exists():
            file.unlink(missing_ok=True)


# --- counting -------------------------------------------------------------------------------------


def _safely(note: Callable[..., None]) -> Callable[..., None]:
    """Counting never breaks what is counted, such as a provider's answer about money."""

    @wraps(note)
    def noted(*args: Any) -> None:
        try:
            note(*args)
        except Exception:
            logger.exception("it was not counted")

    return noted


@_safely
def note_request(page: str, method: str, status: int, seconds: float) -> None:
    """By name and never by address: an address holds the key of a private link."""
    if all_counted := counted():
        all_counted.requests.labels(page or "none", method, str(status)).observe(seconds)


@_safely
def note_answer(host: str, status: int) -> None:
    """Of a payment provider; 0 where none came."""
    if all_counted := counted():
        all_counted.answers.labels(host, str(status)).inc()


@_safely
def note_mails(sent: int) -> None:
    if sent and (all_counted := counted()):
        all_counted.mails.inc(sent)


# --- the figures of the database ------------------------------------------------------------------

SAYS = {
    "database": "Whether the database answers.",
    "broker": "Whether the broker takes tasks; 1 also where there is none.",
    "sweep": "Whether a sweep has finished lately.",
    "sweep_age_s": "Seconds since the last sweep finished.",
    "beat": "Whether beat has asked for a sweep lately.",
    "worker": "Whether a worker has answered lately.",
    "worker_age_s": "Seconds since a worker answered.",
    "clock": "Whether the clocks of all processes are right.",
    "clock_ahead_s": "Seconds by which this machine is ahead of the database.",
    "refunds": "Whether refunds are sent when they are due.",
    "refund_oldest_s": "Seconds for which the oldest refund has been due.",
    "refunds_held": "Refunds that wait for somebody to release them.",
    "emails": "Whether e-mails are sent when they are due.",
    "email_oldest_s": "Seconds for which the oldest e-mail has been due.",
    "emails_given_up": "E-mails of the last two days that were given up.",
    "disk": "Whether there is room where DATA_DIR is.",
}


def lines(state: dict[str, Any]) -> bytes:
    """What `/healthz/deep` says, as gauges: a word is 1 where it is well."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest, values

    registry, usual = CollectorRegistry(), values.ValueClass
    values.ValueClass = values.MutexValue
    try:
        for name, value in state.items():
            if value is None:
                continue
            unit = f"{name.removesuffix('_s')}_seconds" if name.endswith("_s") else name
            word = isinstance(value, str)
            gauge = Gauge(f"topmate_{unit}{'_ok' if word else ''}", SAYS[name], registry=registry)
            gauge.set(float(value in ("ok", "none")) if word else float(value))
        return generate_latest(registry)
    finally:
        values.ValueClass = usual
