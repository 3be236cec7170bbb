"""E-mails to the follower about the end of a booking and the money going back."""

from __future__ import annotations

from bookings.emails import truths
from bookings.emails.case import MailCase
from bookings.emails.kinds import FOLLOWER, CalendarMethod, kind
from bookings.emails.letter import Letter
from bookings.emails.refund_words import facts_for_follower, next_for_follower
from bookings.emails.words import site_name, why_follower
from bookings.models import RefundState
from bookings.wording.limits import BANK_TAKES
from bookings.wording.refund import GOING, title


def cancel_if_future(case: MailCase) -> CalendarMethod:
    """A call that will not be held any more leaves the calendar."""
    return "CANCEL" if case.datum("was_future") else ""


def _end_of_call(case: MailCase) -> str:
    call = f"your {case.title} with {case.expert.name}"
    if case.datum("was_future"):
        return f"{call} on {case.time} will not take place."
    how = "ends with a refund" if case.refunded_minor else "is closed"
    return f"{call} of {case.on_long(case.booking.starts_at)} {how}."


@kind(
    FOLLOWER,
    "a booking ends with a refund, or a free call is closed",
    still_true=truths.has_ended,
    applies=truths.after_refund,
    links=("status",),
    calendar=cancel_if_future,
)
def refund_started(case: MailCase) -> Letter:
    cause = f"{case.cause}."
    note = case.event.note if case.event and case.event.verb == "refund_now" else ""
    is_staff = case.event is not None and case.event.actor_kind == "staff"
    return Letter(
        subject=_refund_subject(case),
        preheader=f"On your account: {BANK_TAKES}." if case.where in GOING else cause,
        heading=title(case.where),
        paragraphs=(
            f"{_end_of_call(case)} {cause}",
            *case.money_sentences,
        ),
        quote=note,
        quoted=f"{site_name()} support" if is_staff else case.expert.first_name,
        button=case.link("See where it stands", "status"),
        facts=facts_for_follower(case),
        policy=next_for_follower(case),
        why=why_follower(case),
        is_private=True,
    )


def _refund_subject(case: MailCase) -> str:
    refund, call = f"Your {case.amount} refund", f"Your call with {case.expert.first_name}"
    return title(case.where).replace("Your refund", refund).replace("Your call", call)


@kind(
    FOLLOWER,
    "the expert or staff cancels a call; with a calendar file",
    still_true=truths.is_cancelled,
    links=("status",),
    calendar=cancel_if_future,
)
def call_cancelled(case: MailCase) -> Letter:
    event = case.event
    by_staff = event is not None and event.actor_kind == "staff"
    who = f"{site_name()} support" if by_staff else case.expert.first_name
    return Letter(
        subject=f"{who} cancelled your call on {case.time}",
        preheader=case.money_sentences[0],
        heading="Your call is cancelled",
        paragraphs=(
            f"your {case.title} with {case.expert.name} on {case.time} will not take place.",
            *case.money_sentences,
        ),
        quote=event.note if event else "",
        quoted=who,
        button=case.link("See where it stands", "status"),
        facts=facts_for_follower(case),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "support decides a contested call; with the written reason",
    still_true=truths.was_decided,
    links=("status",),
)
def decision(case: MailCase) -> Letter:
    is_refund = case.datum("decision") == "refunded"
    outcome = "counts as held" if not is_refund else "does not count as held"
    money = " ".join(case.money_sentences) if is_refund else "The payment stays with the expert."
    return Letter(
        subject=f"Decided: your call with {case.expert.first_name} {outcome}",
        preheader=money,
        heading=f"Your call {outcome}",
        paragraphs=(
            f"{site_name()} support has decided about your {case.title} with {case.expert.name}.",
            money if is_refund or not case.is_free else "There was nothing to pay.",
        ),
        quote=case.event.note if case.event else "",
        quoted=f"{site_name()} support",
        button=case.link("See where it stands", "status"),
        facts=facts_for_follower(case) if is_refund else (("Call", case.call), ("When", case.time)),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the provider says that a refund has succeeded",
    still_true=truths.refund_succeeded,
    links=("status",),
)
def refund_confirmed(case: MailCase) -> Letter:
    reference = case.refund.reference if case.refund else ""
    ask = "Your bank can find it by this reference." if reference else ""
    return Letter(
        subject=f"Your {case.amount} refund is with your bank",
        preheader="Reference inside." if reference else "It can take a few days to show.",
        heading="Your refund went through",
        paragraphs=(
            f"we sent {case.amount} for your {case.title} back, and it was accepted.",
            f"It can take a few days until your bank shows it. {ask}".strip(),
        ),
        button=case.link("See where it stands", "status"),
        facts=(*facts_for_follower(case), *((("Reference", reference),) if reference else ())),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "a refund is declined, or the bank sends it back",
    still_true=truths.refund_failed,
    links=("status",),
)
def refund_failed(case: MailCase) -> Letter:
    is_reversed = case.refund is not None and case.refund.state == RefundState.REVERSED
    sent = f"we tried to send {case.amount} for your {case.title} back"
    told = "The payment provider did not accept it."
    todo = "We are on it, and there is nothing you need to do. We write again when it is sent."
    if is_reversed:
        sent = f"we sent {case.amount} for your {case.title} to your bank"
        told = "Your bank sent it back."
        todo = (
            "Reply to this e-mail, and we find another way to pay you. "
            "Never send us card numbers or passwords."
        )
    problem = "needs your help" if is_reversed else "is delayed"
    return Letter(
        subject=f"Your {case.amount} refund {problem}",
        preheader=told,
        heading=f"Your refund {problem}",
        paragraphs=(
            f"{sent}. {told}",
            f"{todo} You still get this money.",
        ),
        button=case.link("See where it stands", "status"),
        facts=(("Amount", case.amount), ("Call", case.call)),
        why=why_follower(case),
        is_private=True,
    )
