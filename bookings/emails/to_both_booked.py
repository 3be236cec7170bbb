"""E-mails after a call was bought: to both sides, and to somebody who paid and did not get it."""

from __future__ import annotations

from bookings import formats
from bookings.emails import truths
from bookings.emails.case import MailCase
from bookings.emails.kinds import EXPERT, FOLLOWER, kind
from bookings.emails.letter import Letter
from bookings.emails.refund_words import facts_for_follower, next_for_follower
from bookings.emails.to_follower_times import request
from bookings.emails.words import (
    call_facts,
    expert_facts,
    site_name,
    why_expert,
    why_follower,
)


def _where(case: MailCase) -> tuple[tuple[str, str], ...]:
    return (("Where", case.booking.place),) if case.booking.place else ()


def _price(case: MailCase, *, paid: str) -> tuple[tuple[str, str], ...]:
    if case.is_free:
        return (("Price", "Free"),)
    by = f", {case.payment.method}" if case.payment and case.payment.method else ""
    return ((paid, f"{case.price}{by}"),)


@kind(
    FOLLOWER,
    "a call was bought; with a calendar file",
    still_true=truths.as_booked,
    applies=truths.after_checkout,
    links=("report", "status"),
    calendar=request,
)
def booked(case: MailCase) -> Letter:
    opens_after = formats.duration(case.booking.limits.report_opens_after)
    return Letter(
        subject=f"You are booked with {case.expert.first_name}: {case.time}",
        preheader="Calendar file attached.",
        heading=f"Your call with {case.expert.first_name} is booked",
        paragraphs=(
            f"your {case.title} with {case.expert.name} is on {case.time}.",
            "A calendar file is attached.",
        ),
        button=case.link("See your booking", "status"),
        facts=(*call_facts(case), *_where(case), *_price(case, paid="Paid")),
        policy=(
            f"Did the call not happen? From {opens_after} after its start you can ",
            case.link("tell us here", "report"),
            ".",
        ),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    EXPERT,
    "a call was bought; with a calendar file",
    still_true=truths.as_booked,
    applies=truths.after_checkout,
    calendar=request,
)
def booked_expert(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} booked a call: {case.time}",
        preheader="Calendar file attached.",
        heading=f"{who} booked your {case.title}",
        paragraphs=(f"{case.follower.name} booked your {case.title} on {case.time}.",),
        button=case.booking_link("See the booking"),
        facts=(*expert_facts(case), *_where(case), *_price(case, paid="Paid")),
        policy=("A calendar file is attached.",),
        why=why_expert(case),
    )


@kind(
    FOLLOWER,
    "somebody paid for a time that another person got; the money goes back",
    still_true=truths.has_ended,
    links=("status",),
)
def time_taken(case: MailCase) -> Letter:
    first_name = case.expert.first_name
    cause = f"somebody else booked {case.time} while you were paying."
    if case.datum("is_second"):
        cause = f"you paid twice for your {case.title} on {case.time}. Your booking stands."
    return Letter(
        subject=f"You get {case.amount} back: {case.title} with {first_name}",
        preheader=case.money_sentences[0],
        heading=f"You get your {case.amount} back",
        paragraphs=(cause, *case.money_sentences),
        button=case.link("See where it stands", "status"),
        facts=facts_for_follower(case),
        policy=next_for_follower(case),
        why=f"You get this e-mail because you paid for a call on {site_name()} "
        f"({case.booking.code}).",
        is_private=True,
    )
