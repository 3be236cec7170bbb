"""Is it alive, can it serve, do the sweeps run, and are the clocks right?

/healthz       the process answers; for restarting it
/readyz        the database answers; for a load balancer
/healthz/deep  database, broker, clocks and the age of the last finished sweep; for an alarm
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from bookings import clock_check, database_time
from bookings.models import Heartbeat

MISSED_SWEEPS = 3
SHORTEST_ALARM = timedelta(seconds=60)
LONGEST_AGE = timedelta(days=366)
"""A heartbeat that seems to be older, or to come, was written by a wrong clock."""


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
    is_well = state["database"] == state["sweep"] == state["clock"] == "ok"
    healthy = is_well and state["broker"] in ("ok", "none")
    return JsonResponse(state, status=200 if healthy else 503)


def _state() -> dict[str, str | int | None]:
    database = _database()
    ticking, age = sweep() if database == "ok" else ("unknown", None)
    return {
        "database": database,
        "broker": _broker(),
        "sweep": ticking,
        "sweep_age_s": age,
        "clock": clock() if database == "ok" else "unknown",
    }


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
    """Only a finished sweep writes the heartbeat, so its age says what matters. It is told in the
    database's time; an age that cannot be is not an age."""
    try:
        last = Heartbeat.objects.filter(name="sweep").values_list("finished_at", flat=True).first()
        age = database_time.now() - last if last else None
    except Error:
        return "failed", None
    if age is None:
        return "never", None
    if not -database_time.MOST_APART <= age <= LONGEST_AGE:
        return "wrong", None
    limit = max(SHORTEST_ALARM, MISSED_SWEEPS * settings.SWEEP_EVERY)
    return "ok" if age <= limit else "late", max(0, int(age.total_seconds()))


def clock() -> str:
    """Whether this process goes by the database's time, and every worker did lately."""
    try:
        found = database_time.compare()
        is_well = found.agrees and not clock_check.is_any_wrong(found.database)
    except Error:
        return "failed"
    return "ok" if is_well else "wrong"
