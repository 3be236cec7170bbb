"""Where the money is, in words that never say more than is known. For the follower's pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from bookings import formats
from bookings.models import Contest, NoShowReport, Payment, Refund, RefundState
from bookings.presenters.people import mailto
from bookings.states import Verb
from bookings.wording import refund as money
from bookings.wording.chip import Chip
from bookings.wording.limits import BANK_TAKES
from bookings.wording.reader import Reader
from bookings.wording.refund import Place


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    note: str
    icon: str
    place: str
    """One of done, now, next and failed."""


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
    """Opens an e-mail to support, where the follower has something to tell us."""


def progress(
    refund: Refund,
    payment: Payment,
    reader: Reader,
    *,
    report: NoShowReport | None = None,
    contest: Contest | None = None,
) -> Progress:
    """`refund.event` must be loaded: it says what began all this."""
    where = money.place(refund)
    return Progress(
        chip=money.chip(where, reader.audience),
        heading=money.heading(where),
        sentences=money.sentences(money.amount_of(refund, refund.booking), refund.booking, reader),
        amount=formats.money(refund.amount_minor, refund.currency),
        method=payment.method,
        steps=(
            _first_step(refund, reader, report, contest),
            *_money_steps(refund, reader),
        ),
        reference=refund.reference,
        reference_title=_reference_title(refund),
        is_final=where is Place.ARRIVED,
        write_to=_letter_to_support(refund) if where is Place.SENT_BACK else "",
    )


def _letter_to_support(refund: Refund) -> str:
    """To where a reply to one of our e-mails goes as well."""
    us = [*settings.STAFF_EMAIL, settings.DEFAULT_FROM_EMAIL][0]
    return mailto(us, f"The refund for booking {refund.booking.code} came back")


def _reference_title(refund: Refund) -> str:
    if refund.state == RefundState.SUCCEEDED:
        return "If you cannot find it"
    return "If you cannot see it after ten working days"


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
