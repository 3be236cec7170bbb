"""A booking as one line of a list: plain strings, which `markup` only puts in their places."""

from __future__ import annotations

from typing import Any, NamedTuple

from bookings import clocks, formats, unreadable
from bookings.models import Booking, NoShowReport
from bookings.presenters import buttons, people
from bookings.presenters.countdown import Countdown, countdown
from bookings.states import State, Verb
from bookings.wording import labels
from bookings.wording.chip import Chip
from bookings.wording.next_step import if_nobody_acts
from bookings.wording.reader import Reader

VERBS = {
    "need_action": (Verb.MARK_COMPLETED, Verb.OFFER_RESCHEDULE),
    "waiting": (Verb.WITHDRAW_OFFER,),
    "completed_calls": (Verb.MARK_COMPLETED, Verb.OFFER_RESCHEDULE),
    "upcoming": (Verb.CANCEL, Verb.OFFER_RESCHEDULE, Verb.WITHDRAW_OFFER),
}
"""The buttons of a row by the list it is in, where the rules allow them."""
WITH_DEADLINE = {"need_action": State.NO_SHOW_REPORTED, "waiting": State.RESCHEDULE_OFFERED}
"""Lists whose rows show the time that is left instead of a label, and the state of their calls."""

CAN_RESEND = ("waiting", "upcoming")


class Row(NamedTuple):
    code: str
    name: str
    first_name: str
    initials: str
    hue: str
    what: str
    when: str
    when_iso: str
    distance: str
    money: str
    said: str
    then: str
    """What happens to the money of an offer that nobody takes."""
    wrong: str
    """What cannot be read of the booking."""
    countdown: Countdown | None
    chip: Chip | None
    """Given where there is no countdown."""
    detail: str
    actions: tuple[str, ...]
    """Names of `buttons`."""
    gone_at: str
    is_selectable: bool
    is_settled: bool
    """It has left its list since the page was made, and stays there without buttons."""


def row(booking: Booking, reader: Reader, *, source: str) -> Row:
    """`booking` comes from `lists`, which loads what is read here."""
    name = booking.buyer.name
    actions = _actions(booking, reader, source)
    starts_at = reader.local(booking.starts_at)
    clock = countdown(booking, reader) if source in WITH_DEADLINE else None
    change, refund = _extra(booking, "last_change"), _extra(booking, "last_refund")
    return Row(
        code=booking.code,
        name=name,
        first_name=booking.buyer.first_name,
        initials=people.initials(name),
        hue=people.hue(booking.follower_id),
        what=f"{booking.service_title}, {booking.duration_minutes} min",
        when=reader.moment(starts_at),
        when_iso=formats.utc_iso(booking.starts_at),
        distance="" if clock else reader.distance(starts_at),
        money=price(booking),
        said=said(booking),
        then=if_nobody_acts(booking, reader) if source == "waiting" else "",
        wrong=" ".join(unreadable.for_expert(booking)),
        countdown=clock,
        chip=None if clock else labels.chip(booking, reader, refund),
        detail="" if clock else labels.detail(booking, reader, change, refund),
        actions=actions,
        gone_at=buttons.gone_at(booking),
        is_selectable=source == "need_action" and "reschedule" in actions,
        is_settled=_is_settled(booking, source),
    )


def _is_settled(booking: Booking, source: str) -> bool:
    return source in WITH_DEADLINE and booking.state != WITH_DEADLINE[source]


def _actions(booking: Booking, reader: Reader, source: str) -> tuple[str, ...]:
    verbs = () if _is_settled(booking, source) else VERBS[source]
    shown = buttons.names(booking, Verb.UNDO, *verbs, now=reader.now)
    if booking.state == State.SCHEDULED and not labels.is_unconfirmed(booking, reader):
        # It counts as completed already; its own page has the mark for who wants it on record.
        return tuple(name for name in shown if name != "mark_completed")
    if source in CAN_RESEND and booking.state == State.RESCHEDULE_OFFERED:
        is_over = clocks.has_passed(booking.deadline_at, reader.now)
        return shown if is_over else shown[:1] if "undo" in shown else ("resend_offer", *shown)
    return shown


def price(booking: Booking) -> str:
    """What the follower paid."""
    if not booking.price_minor:
        return "Free"
    return formats.money(booking.price_minor, booking.currency)


def said(booking: Booking) -> str:
    """The follower's own words; without any, the reason they chose."""
    if booking.state != State.NO_SHOW_REPORTED:
        return ""
    if text := _extra(booking, "report_text"):
        return f"“{text}”"
    reason = _extra(booking, "report_reason")
    return str(NoShowReport.Reason(reason).label) if reason else ""


def _extra(booking: Booking, name: str) -> Any:
    """A column that `lists` added to the row."""
    return getattr(booking, name, None)
