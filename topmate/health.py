"""Is it alive, can it serve, and does the clock still tick?

/healthz       the process answers; for restarting it
/readyz        the database answers; for a load balancer
/healthz/deep  database, broker and the age of the last finished sweep; for an alarm
"""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

MISSED_SWEEPS = 3
SHORTEST_ALARM = timedelta(seconds=60)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Only the database decides: a dead worker is no reason to take all web servers away."""
    state = _state()
    return JsonResponse(state, status=200 if state["database"] == "ok" else 503)


@require_safe
def deep(request: HttpRequest) -> HttpResponse:
    state = _state()
    healthy = state["database"] == state["sweep"] == "ok" and state["broker"] in ("ok", "none")
    return JsonResponse(state, status=200 if healthy else 503)


def _state() -> dict[str, str | int | None]:
    database = _database()
    ticking, age = sweep() if database == "ok" else ("unknown", None)
    return {"database": database, "broker": _broker(), "sweep": ticking, "sweep_age_s": age}


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "failed"
    return "ok"


def _broker() -> str:
    if not settings.BROKER_CONFIGURED:
        return "none"
    from redis import Redis, RedisError

    client = Redis.from_url(
        settings.CACHES["default"]["LOCATION"], socket_timeout=1, socket_connect_timeout=1
    )
    try:
        client.ping()
    except (RedisError, OSError):
        return "failed"
    finally:
        client.close()
    return "ok"


def sweep() -> tuple[str, int | None]:
    """Only a finished sweep writes the heartbeat, so its age says what matters."""
    heartbeat = apps.get_model("bookings", "Heartbeat")
    try:
        last = (
            heartbeat._default_manager.filter(name="sweep")
            .values_list("finished_at", flat=True)
            .first()
        )
    except Error:
        return "failed", None
    if last is None:
        return "never", None
    age = timezone.now() - last
    limit = max(SHORTEST_ALARM, MISSED_SWEEPS * settings.SWEEP_EVERY)
    return "ok" if age <= limit else "late", int(age.total_seconds())
