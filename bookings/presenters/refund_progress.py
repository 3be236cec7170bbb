"""Where the money is, in words that never say more than is known. For the follower's pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from bookings import formats
from bookings.emails.words import BANK_DAYS, BANK_TAKES
from bookings.models import Booking, Contest, NoShowReport, Payment, Refund, RefundState
from bookings.presenters.labels import Chip
from bookings.presenters.people import mailto
from bookings.presenters.reader import Reader, words
from bookings.states import ActorKind, Verb

BANKS_TAKE = f"Banks usually take {BANK_DAYS} to show it."
OVERDUE_AFTER = timedelta(days=16)
"""Longer than ten working days with their weekends."""

APPROVED = Chip("Approved", "money")
ON_ITS_WAY = Chip("On its way", "money")
DELAYED = Chip("Delayed", "warn")
NEEDS_YOU = Chip("Needs your help", "bad")
DONE = Chip("Refunded", "ok")


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    note: str
    icon: str
    place: str
    """done, now, next or failed"""


@dataclass(frozen=True, slots=True)
class Progress:
    chip: Chip
    heading: str
    sentences: tuple[str, ...]
    amount: str
    method: str
    steps: tuple[Step, ...]
    reference: str
    reference_title: str
    is_final: bool
    write_to: str
    """opens an e-mail to support, where the follower has something to tell"""


def progress(
    refund: Refund,
    payment: Payment,
    reader: Reader,
    *,
    report: NoShowReport | None = None,
    contest: Contest | None = None,
) -> Progress:
    """`refund.event` must be loaded: it says what began all this."""
    chip, heading, sentences = _words(refund, payment, reader)
    return Progress(
        chip=chip,
        heading=heading,
        sentences=sentences,
        amount=formats.money(refund.amount_minor, refund.currency),
        method=payment.method,
        steps=(
            _first_step(refund, reader, report, contest),
            *_money_steps(refund, reader),
        ),
        reference=refund.reference,
        reference_title=_reference_title(refund),
        is_final=refund.state == RefundState.SUCCEEDED,
        write_to=_letter_to_support(refund) if chip == NEEDS_YOU else "",
    )


def _letter_to_support(refund: Refund) -> str:
    """To where a reply to one of our e-mails goes as well."""
    us = [*settings.STAFF_EMAIL, settings.DEFAULT_FROM_EMAIL][0]
    return mailto(us, f"The refund for booking {refund.booking.code} came back")


def _words(refund: Refund, payment: Payment, reader: Reader) -> tuple[Chip, str, tuple[str, ...]]:
    to = f" to {payment.method}" if payment.method else ""
    amount = formats.money(refund.amount_minor, refund.currency)
    if refund.hold_reason:
        return _held(payment)
    match RefundState(refund.state):
        case RefundState.ACCEPTED:
            return _with_the_bank(refund, reader)
        case RefundState.SUCCEEDED:
            sent = f"{amount} went back{to} on {_day(refund.finished_at, reader)}."
            return DONE, "Refunded", (sent, "It can take a few days to show on your statement.")
        case RefundState.SENDING | RefundState.UNKNOWN if refund.alerted_at is not None:
            return (
                DELAYED,
                "Your refund is delayed",
                (
                    "The payment provider has not confirmed it yet. Our team has been told; we "
                    "write to you as soon as it is sent. You need do nothing.",
                ),
            )
        case RefundState.DECLINED:
            return (
                DELAYED,
                "Your refund is delayed",
                (
                    "The payment provider did not take it. Our team has been told and will find "
                    "another way. You need do nothing; we write to you as soon as it is sent.",
                ),
            )
        case RefundState.REVERSED:
            return (
                NEEDS_YOU,
                "Your bank sent the refund back",
                (
                    f"We sent {amount}{to}, and it came back. Tell us where to send it: "
                    "write to us, or reply to any of our e-mails.",
                    "Never send us card numbers or passwords.",
                ),
            )
        case RefundState.MANUAL_DUE:
            return (
                APPROVED,
                "Refund approved",
                (f"Our team sends you {amount} by hand. We write to you as soon as it is sent.",),
            )
        case _:
            return (
                APPROVED,
                "Refund approved",
                (
                    f"We are sending {amount} back{to}.",
                    BANKS_TAKE,
                ),
            )


def _held(payment: Payment) -> tuple[Chip, str, tuple[str, ...]]:
    why = "Our team checks it before it is sent."
    if payment.is_disputed:
        why = (
            "Your bank is looking into this payment because it was disputed there. "
            "Our team waits for its answer, so that the money comes back once and not twice."
        )
    return DELAYED, "Your refund is delayed", (why, "You need do nothing.")


def _with_the_bank(refund: Refund, reader: Reader) -> tuple[Chip, str, tuple[str, ...]]:
    sent = f"We sent it on {_day(refund.accepted_at, reader)}."
    then = BANKS_TAKE
    if refund.accepted_at and reader.now - refund.accepted_at > OVERDUE_AFTER:
        then = "It should be there by now. If it is not, reply to any of our e-mails."
    return ON_ITS_WAY, "Your refund is with your bank", (sent, then)


def _reference_title(refund: Refund) -> str:
    if refund.state == RefundState.SUCCEEDED:
        return "If you cannot find it"
    return "If you cannot see it after ten working days"


def _day(instant: datetime | None, reader: Reader) -> str:
    return formats.long_day(instant, reader.zone, reader.now) if instant else "that day"


def _first_step(
    refund: Refund, reader: Reader, report: NoShowReport | None, contest: Contest | None
) -> Step:
    """What began it: a report, a contest, or somebody's decision to refund."""
    event = refund.event
    label, icon, at = _began(refund)
    if event.verb in (Verb.NO_ANSWER, Verb.OFFER_LAPSED, Verb.REFUND_INSTEAD) and report:
        label, icon, at = "No-show reported", "flag", report.reported_at
    elif event.verb in (Verb.DECIDE, Verb.NOBODY_DECIDED) and contest:
        label, icon, at = "You told us it was not right", "flag", contest.contested_at
    return Step(label, reader.moment(at), icon, "done")


def _began(refund: Refund) -> tuple[str, str, datetime]:
    labels = {
        Verb.CANCEL.value: "Call cancelled",
        Verb.REFUND_NOW.value: "Refund decided",
        "time_taken": "Time was taken",
    }
    return labels.get(refund.event.verb, "Case closed"), "flag", refund.event.at


def _money_steps(refund: Refund, reader: Reader) -> tuple[Step, Step, Step]:
    """Approved, sent, arrived: exactly one of them is now or failed, unless all is done."""
    sent = refund.accepted_at or refund.finished_at
    approved = Step("Refund approved", reader.moment(refund.created_at), "check", "done")
    went = Step("Sent to your bank", reader.moment(sent) if sent else "", "card", "done")
    there = Step("In your account", BANK_TAKES, "bank", "next")
    ended = reader.moment(refund.finished_at) if refund.finished_at else ""
    match RefundState(refund.state):
        case RefundState.SUCCEEDED:
            return approved, went, Step("Refunded", ended, "bank", "done")
        case RefundState.ACCEPTED if not refund.hold_reason:
            return approved, replace(went, place="now"), there
        case RefundState.DECLINED:
            failed = Step("Did not go through", ended, "x", "failed")
            return approved, failed, replace(there, note="")
        case RefundState.REVERSED:
            return approved, went, Step("Sent back", ended, "x", "failed")
    return replace(approved, place="now"), replace(went, note="", place="next"), there


def why(refund_verb: str, actor_kind: str, booking: Booking, note: str) -> str:
    """Why the money goes back, from the follower's side."""
    expert, limits = booking.expert.first_name, booking.limits
    match refund_verb:
        case Verb.NO_ANSWER:
            return f"{expert} did not answer your report within {words(limits.no_show_window)}"
        case Verb.OFFER_LAPSED:
            return f"You picked no new time within {words(limits.offer_window)}"
        case Verb.REFUND_INSTEAD:
            return "You chose a refund instead of a new time"
        case Verb.CANCEL:
            who = "Our team" if actor_kind == ActorKind.STAFF else expert
            return f"{who} cancelled the call: {note}" if note else f"{who} cancelled the call"
        case Verb.DECIDE:
            return f"Our team decided: {note}"
        case Verb.NOBODY_DECIDED:
            return f"We did not decide within {words(limits.decide_window)}, so you get it back"
        case Verb.REFUND_NOW:
            who = "Our team" if actor_kind == ActorKind.STAFF else expert
            return f"{who} decided to refund you"
        case "time_taken":
            return "The time was taken by somebody else while you were paying"
    return ""
