"""Too many refunds in an hour are more likely a mistake than a truth: they wait for a person."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.conf import settings

from bookings.models import Heartbeat, Refund
from bookings.refunds import holds
from bookings.states import Actor, ActorKind, TransitionNotAllowed

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
CONTINUED = "breaker continued"
GAP = "sweep gap"


def room(wanted: int, *, now: datetime) -> int:
    """How many of the `wanted` refunds may be planned now; the others wait for a person."""
    beats = _beats()
    began = now - HOUR
    if (continued := beats.get(CONTINUED)) and began < continued.finished_at <= now:
        began = continued.finished_at
    planned = Refund.objects.filter(created_at__gt=began, created_at__lte=now).count()
    if planned + wanted <= settings.BREAKER_LEAST:
        return wanted  # so few that it does not matter what is usual
    return min(wanted, max(0, _limit(beats.get(GAP), now=now) - planned))


def limit(*, now: datetime) -> int:
    """How many may be planned in an hour: some, or several times what is usual. After a gap in
    the sweeps the work of all its hours comes at once."""
    return _limit(_beats().get(GAP), now=now)


def _limit(gap: Heartbeat | None, *, now: datetime) -> int:
    week = Refund.objects.filter(created_at__gt=now - WEEK, created_at__lte=now - HOUR).count()
    usual = math.ceil(settings.BREAKER_TIMES * week / (WEEK / HOUR))
    hours = gap.counts.get("hours", 1) if gap and now - gap.finished_at < HOUR else 1
    return max(settings.BREAKER_LEAST, usual) * max(1, hours)


def _beats() -> dict[str, Heartbeat]:
    return {beat.name: beat for beat in Heartbeat.objects.filter(name__in=[CONTINUED, GAP])}


def trip(*, now: datetime) -> str:
    """One mail an hour; the reason to hold a refund for."""
    holds.tell_staff(holds.BREAKER, now=now, dedupe=f"{now:%Y-%m-%d %H}")
    return holds.BREAKER


def continue_all(*, actor: Actor, now: datetime, reason: str) -> int:
    """Staff has looked: everything it holds goes on, and the count starts again."""
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    Heartbeat.objects.update_or_create(name=CONTINUED, defaults={"finished_at": now})
    return holds.let_go(holds.BREAKER, now=now, note=reason, actor=actor)


def note_gap(silent_for: timedelta, *, now: datetime) -> None:
    """The sweep was silent for hours."""
    hours = math.ceil(silent_for / HOUR)
    Heartbeat.objects.update_or_create(
        name=GAP, defaults={"finished_at": now, "counts": {"hours": hours}}
    )
