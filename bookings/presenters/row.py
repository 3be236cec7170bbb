"""A booking as one line of a list, with its countdown and its buttons. Plain strings, which
`row_html` only puts in their places; no queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.urls import reverse

from bookings import clocks, formats, rules, unreadable
from bookings.models import Booking, NoShowReport
from bookings.states import TABLE, Actor, ActorKind, State, Verb
from bookings.wording import labels
from bookings.wording.next_step import at_stake_minor, if_nobody_acts
from bookings.wording.reader import Reader
from bookings.wording.refund import Chip

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
    """The follower's own words; without any, the reason they chose."""
    then: str
    """What happens to the money of an offer that nobody takes."""
    wrong: str
    """What cannot be read of the booking."""
    countdown: Countdown | None
    chip: Chip | None
    """Given where there is no countdown."""
    detail: str
    actions: tuple[str, ...]
    """Names of `BUTTONS`."""
    gone_at: str
    """From this moment on Undo makes no sense any more."""
    is_selectable: bool
    is_settled: bool
    """It has left its list since the page was made, and stays there without buttons."""


def row(booking: Booking, reader: Reader, *, source: str) -> Row:
    """`booking` comes from `lists`, which adds the columns that are read here."""
    buyer, columns = booking.buyer, booking.__dict__
    name = buyer.name
    starts_at = reader.local(booking.starts_at)
    is_settled = source in WITH_DEADLINE and booking.state != WITH_DEADLINE[source]
    actions = _actions(booking, reader, source, () if is_settled else VERBS[source])
    clock = countdown(booking, reader) if source in WITH_DEADLINE else None
    chip, detail, refund = None, "", columns.get("last_refund")
    if clock is None:
        chip = labels.chip(booking, reader, refund)
        detail = labels.detail(booking, reader, columns.get("last_change"), refund)
    said = ""
    if booking.state == State.NO_SHOW_REPORTED:
        if text := columns.get("report_text"):
            said = f"“{text}”"
        elif reason := columns.get("report_reason"):
            said = str(NoShowReport.Reason(reason).label)
    return Row(
        code=booking.code,
        name=name,
        first_name=buyer.first_name,
        initials=formats.initials(name),
        hue=formats.hue(booking.follower_id),
        what=f"{booking.service_title}, {booking.duration_minutes} min",
        when=reader.moment(starts_at),
        when_iso=formats.utc_iso(booking.starts_at),
        distance="" if clock else reader.distance(starts_at),
        money=formats.price(booking.price_minor, booking.currency),
        said=said,
        then=if_nobody_acts(booking, reader) if source == "waiting" else "",
        wrong=" ".join(unreadable.for_expert(booking)),
        countdown=clock,
        chip=chip,
        detail=detail,
        actions=actions,
        gone_at=formats.utc_iso(booking.undo_until),
        is_selectable=source == "need_action" and "reschedule" in actions,
        is_settled=is_settled,
    )


def _actions(
    booking: Booking, reader: Reader, source: str, verbs: tuple[Verb, ...]
) -> tuple[str, ...]:
    if booking.undo_until:
        verbs = (Verb.UNDO, *verbs)
    shown = offered(booking, *verbs, now=reader.now)
    if booking.state == State.SCHEDULED and not labels.is_unconfirmed(booking, reader):
        # It counts as completed already; its own page has the mark for who wants it on record.
        return tuple(name for name in shown if name != "mark_completed")
    if source in CAN_RESEND and booking.state == State.RESCHEDULE_OFFERED:
        is_over = clocks.has_passed(booking.deadline_at, reader.now)
        return shown if is_over else shown[:1] if "undo" in shown else ("resend_offer", *shown)
    return shown


# --- buttons --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str
    key: str = ""
    """The key that presses it."""
    is_post: bool = False
    """It acts at once, without a dialog."""
    gone_at: str = ""
    """From this moment on the button makes no sense any more."""


BUTTONS: dict[str, tuple[str, str]] = {
    "mark_completed": ("Mark as completed", "c"),
    "reschedule": ("Reschedule", "r"),
    "withdraw_offer": ("Withdraw offer", ""),
    "cancel": ("Cancel", ""),
    "refund_now": ("Refund now", ""),
    "undo": ("Undo", ""),
    "resend_offer": ("Resend link", ""),
}
"""Label and key by the name of the address."""
AT_ONCE = ("undo", "resend_offer")
_NAMES = {
    Verb.MARK_COMPLETED: "mark_completed",
    Verb.OFFER_RESCHEDULE: "reschedule",
    Verb.WITHDRAW_OFFER: "withdraw_offer",
    Verb.CANCEL: "cancel",
    Verb.REFUND_NOW: "refund_now",
    Verb.UNDO: "undo",
}


def as_expert(booking: Booking) -> Actor:
    return Actor(ActorKind.EXPERT, booking.expert.user_id)


def offered(booking: Booking, *verbs: Verb, now: datetime) -> tuple[str, ...]:
    """The names of the buttons for those of `verbs` that a page offers now, in this order.

    Most verbs are out of the question in most states; those need no sentence from the rules.
    """
    actor = as_expert(booking)
    return tuple(
        _NAMES[verb]
        for verb in verbs
        if booking.state in TABLE[verb].sources and rules.shows(booking, verb, actor, now=now)
    )


def button(booking: Booking, name: str, *, source: str) -> Button:
    label, key = BUTTONS[name]
    return Button(
        label,
        address(name, booking.code, source=source),
        key,
        is_post=name in AT_ONCE,
        gone_at=formats.utc_iso(booking.undo_until) if name == "undo" else "",
    )


@cache
def _around_code(name: str) -> tuple[str, str]:
    """The resolver is not asked for every row."""
    stand_in = "TM-0000000"
    before, after = reverse(name, args=[stand_in]).split(stand_in)
    return before, after


def address(name: str, code: str, *, source: str = "") -> str:
    """The page `name` of a booking; `source` is the list the reader comes from."""
    before, after = _around_code(name)
    return f"{before}{code}{after}?from={source}" if source else f"{before}{code}{after}"


# --- the time that is left ------------------------------------------------------------------------

NOW_WITHIN = timedelta(hours=6)
SOON_WITHIN = timedelta(hours=24)
USUALLY_OVER = "Refund starting"


class Countdown(NamedTuple):
    """Words, ring and urgency. The script only keeps the words fresh."""

    iso: str
    urgency: str
    """One of calm, soon, now and over, or paused while the follower decides."""
    ring: str
    """The share of the time that is left, 0 to 100."""
    left: str
    text: str
    over: str
    """What stands there when the time is up."""
    until: str
    is_over: bool
    is_paused: bool

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """(3, h), (12, min)"""
        if self.left == formats.UNDER_A_MINUTE:
            return (("<1", "min"),)
        words = self.left.split()
        return tuple(zip(words[::2], words[1::2], strict=True))


def countdown(booking: Booking, reader: Reader) -> Countdown | None:
    """None for a booking without a clock."""
    if booking.deadline_at is None:
        return None
    remaining = booking.deadline_at - reader.now
    left, is_over = formats.left(remaining), remaining <= timedelta(0)
    over, urgency = USUALLY_OVER if at_stake_minor(booking) else "Closing", "paused"
    if booking.state == State.RESCHEDULE_OFFERED:
        text, over = f"Waiting for {booking.buyer.first_name}", "Link ending"
    elif booking.state == State.CONTESTED:
        text = "Our team decides"
    else:
        text = f"{left} left"
        urgency = (
            "now" if remaining <= NOW_WITHIN else "soon" if remaining <= SOON_WITHIN else "calm"
        )
    share = min(1.0, max(0.0, remaining / length_of_clock(booking)))
    return Countdown(
        iso=formats.utc_iso(booking.deadline_at),
        urgency="over" if is_over else urgency,
        ring=f"{share * 100:.1f}",
        left=left,
        text=over if is_over else text,
        over=over,
        until=reader.until(booking.deadline_at),
        is_over=is_over,
        is_paused=booking.state != State.NO_SHOW_REPORTED,
    )


def length_of_clock(booking: Booking) -> timedelta:
    """The whole length of the clock that is running."""
    window = clocks.window_of(booking.state, limits=booking.limits)
    return booking.limits.no_show_window if window is None else window
