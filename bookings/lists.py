"""The bookings of an expert's lists: one query for a page, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, FilteredRelation, OuterRef, Q, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import JSONObject

from bookings.models import Booking, Expert, Refund, TimelineEvent
from bookings.models.booking import BookingQuerySet
from bookings.policy import Policy

PAGE = 25
COUNTED_UP_TO = 100
OUTCOMES = {
    "not_confirmed": "Not confirmed",
    "completed": "Completed",
    "no_show_reported": "No-show reported",
    "waiting": "Waiting",
    "contested": "Contested",
    "refunded": "Refunded",
    "cancelled": "Cancelled",
}
"""What Completed calls can be narrowed to, and the words for it."""


@dataclass(frozen=True, slots=True)
class Page:
    bookings: list[Booking]
    after: str
    """where the next page starts; empty on the last one"""


def need_action(expert: Expert, *, search: str = "", after: str = "") -> Page:
    chosen = _with_report(_searched(_of(expert).needing_action(), search))
    return _page(chosen, expert, "deadline_at", after)


def waiting(expert: Expert, *, search: str = "", after: str = "") -> Page:
    chosen = _searched(_of(expert).waiting_for_follower(), search)
    return _page(chosen, expert, "deadline_at", after)


def upcoming(expert: Expert, *, now: datetime, search: str = "", after: str = "") -> Page:
    chosen = _with_history(_searched(_of(expert).upcoming(now), search))
    return _page(chosen, expert, "ends_at", after)


@dataclass(frozen=True, slots=True)
class PastFilter:
    """What Completed calls are narrowed to; an empty one hides nothing."""

    search: str = ""
    outcome: str = ""
    starts_from: datetime | None = None
    starts_before: datetime | None = None


def past(expert: Expert, *, now: datetime, wanted: PastFilter, after: str = "") -> Page:
    chosen = _with_history(_searched(_of(expert).past(now), wanted.search))
    if wanted.outcome:
        chosen = chosen.filter(_outcome(wanted.outcome, now))
    if wanted.starts_from:
        chosen = chosen.filter(starts_at__gte=wanted.starts_from)
    if wanted.starts_before:
        chosen = chosen.filter(starts_at__lt=wanted.starts_before)
    return _page(chosen, expert, "ends_at", after, newest_first=True)


def one(expert: Expert, code: str) -> Booking | None:
    """One booking with everything a row shows."""
    booking = _with_history(_with_report(_of(expert))).filter(code=code).first()
    if booking is not None:
        booking.expert = expert
    return booking


def several(expert: Expert, codes: list[str]) -> list[Booking]:
    """Those of `codes` that need action, the next deadline first."""
    chosen = list(_with_report(_of(expert).needing_action()).filter(code__in=codes))
    for booking in chosen:
        booking.expert = expert
    return chosen


@dataclass(frozen=True, slots=True)
class Stake:
    """One call that needs action: its deadline, and the money that goes back then."""

    deadline_at: datetime
    currency: str
    minor: int


def stakes(expert: Expert) -> list[Stake]:
    """Of the calls that need action, the next deadline first; stops at COUNTED_UP_TO."""
    found = (
        Booking.objects.of_expert(expert)
        .needing_action()
        .values_list(
            "deadline_at",
            "currency",
            "payment__captured_minor",
            "payment__reserved_minor",
            "payment__returned_external_minor",
        )
    )
    return [
        Stake(deadline_at, currency, max(0, (paid or 0) - (reserved or 0) - (returned or 0)))
        for deadline_at, currency, paid, reserved, returned in found[:COUNTED_UP_TO]
        if deadline_at is not None
    ]


def need_count(expert: Expert) -> int:
    """Counts no further than is shown: an exact count gets slower with every call."""
    return Booking.objects.of_expert(expert).needing_action()[:COUNTED_UP_TO].count()


def waiting_count(expert: Expert) -> int:
    return Booking.objects.of_expert(expert).waiting_for_follower()[:COUNTED_UP_TO].count()


def queue(expert: Expert) -> list[str]:
    """Codes of the calls that need action, the next deadline first."""
    calls = Booking.objects.of_expert(expert).needing_action()
    return list(calls.values_list("code", flat=True)[:COUNTED_UP_TO])


def _of(expert: Expert) -> BookingQuerySet:
    return Booking.objects.of_expert(expert).select_related("follower", "payment")


def _searched(chosen: BookingQuerySet, search: str) -> BookingQuerySet:
    if not search:
        return chosen
    return chosen.filter(Q(follower__name__icontains=search) | Q(code__icontains=search))


def _with_report(chosen: BookingQuerySet) -> BookingQuerySet:
    """The words of the open report; a booking has one at most."""
    return chosen.annotate(
        open_report=FilteredRelation("reports", condition=Q(reports__outcome="open")),
        report_reason=F("open_report__reason"),
        report_text=F("open_report__text"),
    )


def _with_history(chosen: BookingQuerySet) -> BookingQuerySet:
    """The last change of state and the latest refund, as the label's second line needs them."""
    changes = TimelineEvent.objects.filter(booking=OuterRef("pk")).exclude(to_state="")
    refunds = Refund.objects.filter(booking=OuterRef("pk")).exclude(state="void")
    return chosen.annotate(
        last_change=Subquery(
            changes.order_by("-id").values(
                json=JSONObject(
                    verb="verb",
                    actor_kind="actor_kind",
                    outcome=KT("data__outcome"),
                    channel=KT("data__channel"),
                )
            )[:1]
        ),
        last_refund=Subquery(
            refunds.order_by("-id").values(
                json=JSONObject(state="state", hold_reason="hold_reason")
            )[:1]
        ),
    )


def _outcome(outcome: str, now: datetime) -> Q:
    """By the limits in force, as an index can answer it."""
    reportable_since = now - Policy.in_force().report_window
    ended = Q(state="scheduled", ends_at__lte=reportable_since)
    return {
        "not_confirmed": Q(state="scheduled", ends_at__gt=reportable_since),
        "completed": Q(state="completed") | ended,
        "waiting": Q(state="reschedule_offered"),
    }.get(outcome, Q(state=outcome))


def _page(
    chosen: BookingQuerySet, expert: Expert, column: str, after: str, *, newest_first: bool = False
) -> Page:
    """By keyset: page 4000 costs what page 1 costs, and a new row shifts nothing."""
    if (cursor := _read_cursor(after)) is not None:
        instant, pk = cursor
        beyond = "lt" if newest_first else "gt"
        at_or_beyond: dict[str, Any] = {f"{column}__{beyond}e": instant}
        chosen = chosen.filter(
            Q(**{f"{column}__{beyond}": instant}) | Q(**{f"id__{beyond}": pk}), **at_or_beyond
        )
    found = list(chosen[: PAGE + 1])
    for booking in found:
        booking.expert = expert
    shown = found[:PAGE]
    more = len(found) > PAGE
    return Page(shown, _cursor(getattr(shown[-1], column), shown[-1].pk) if more else "")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


def _cursor(instant: datetime, pk: int) -> str:
    return f"{(instant - _EPOCH) // _MICROSECOND}.{pk}"


def _read_cursor(text: str) -> tuple[datetime, int] | None:
    """None for no cursor and for one somebody made up: that is the first page."""
    instant, _, pk = text.partition(".")
    try:
        position = _EPOCH + int(instant) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
    return position if 0 <= position[1] <= _LARGEST_ID else None
