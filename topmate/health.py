"""Is it alive, can it serve, and does everything run that it needs?

/healthz       the process answers; for restarting it
/readyz        the database answers; for a load balancer
/healthz/deep  everything else, with figures: sweeps, workers, broker, clocks, what waits and for
               how long, what takes nothing from us; for an alarm
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

from django.conf import settings
from django.db import Error, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from bookings import clock_check, database_time, figures, metrics
from bookings.figures import Figures
from bookings.models import Heartbeat
from bookings.outages import MAIL
from topmate import proxies

State = dict[str, str | int | float | None]
WELL = ("ok", "none")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Only the database decides: a dead worker is no reason to take all web servers away."""
    is_there = _database() == "ok"
    ticking, age = sweep() if is_there else ("unknown", None)
    state = {
        "database": "ok" if is_there else "failed",
        "broker": figures.broker(),
        "sweep": ticking,
        "sweep_age_s": age,
        "clock": clock() if is_there else "unknown",
    }
    return JsonResponse(state, status=200 if is_there else 503)


@require_safe
def deep(request: HttpRequest) -> HttpResponse:
    state = _state()
    is_well = all(how in WELL for how in state.values() if isinstance(how, str))
    return JsonResponse(state, status=200 if is_well else 503)


@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Who may not see it does not learn that it is there."""
    all_counted = metrics.counted()
    if all_counted is None or not _may_see_metrics(request):
        raise Http404
    text = metrics.lines(_state()) + all_counted.text()
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see_metrics(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    told = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and constant_time_compare(told, token):
        return True
    try:
        visitor = ip_address(proxies.client_ip(request))
    except ValueError:
        return False
    return any(visitor in network for network in settings.METRICS_FROM)


def _state() -> State:
    """Each word says how a part is, each number how much."""
    broker = figures.broker()
    try:
        found = figures.read()
    except Error:
        unknown = dict.fromkeys(
            ("sweep", "clock", "worker", "beat", "refunds", "emails"), "unknown"
        )
        return {"database": "failed", "broker": broker, "sweep_age_s": None, **unknown}
    return {"database": "ok", "broker": broker, **of_figures(found, broker=broker)}


def of_figures(found: Figures, *, broker: str) -> State:
    return {
        "sweep": found.sweep.is_how,
        "sweep_age_s": found.sweep.seconds,
        "worker": "none" if broker == "none" else found.worker.is_how,
        "worker_age_s": found.worker.seconds,
        "beat": "none" if broker == "none" else found.beat.is_how,
        "clock": "wrong" if found.is_clock_wrong else "ok",
        "clock_ahead_s": round(found.clock_ahead.total_seconds(), 3),
        "refunds": _kept_up(found.refund_oldest, is_failing=bool(found.failing_providers)),
        "refund_oldest_s": int(found.refund_oldest.total_seconds()),
        "refunds_held": found.refunds_held,
        "emails": _kept_up(found.email_oldest, is_failing=found.is_failing(MAIL)),
        "email_oldest_s": int(found.email_oldest.total_seconds()),
        "emails_given_up": found.emails_given_up,
        "disk": "full" if figures.is_disk_full() else "ok",
    }


def _kept_up(oldest: timedelta, *, is_failing: bool) -> str:
    if is_failing:
        return "failing"
    return "late" if oldest > figures.LATE_AFTER else "ok"


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "failed"
    return "ok"


def sweep() -> tuple[str, int | None]:
    """Only a finished sweep writes the heartbeat, so its age says what matters."""
    try:
        last = Heartbeat.objects.filter(name=figures.SWEEP).values_list("finished_at", flat=True)
        found = figures.beat(last.first(), figures.longest_wait(), database_time.now())
    except Error:
        return "failed", None
    return found.is_how, found.seconds


def clock() -> str:
    """Whether this process goes by the database's time, and every worker did lately."""
    try:
        found = database_time.compare()
        is_well = found.agrees and not clock_check.is_any_wrong(found.database)
    except Error:
        return "failed"
    return "ok" if is_well else "wrong"
