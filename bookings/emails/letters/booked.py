"""A call was bought; and the newest private link, for a follower who asks for it."""

from __future__ import annotations

from django.conf import settings

from bookings import formats
from bookings.emails.letter import Facts, Letter, MailCase, Sentence
from bookings.emails.registry import EXPERT, FOLLOWER, Email
from bookings.intake import CHECKOUT
from bookings.models import TimelineEvent
from bookings.plain_text import one_line
from bookings.states import FINAL, State


def is_at_this_time(case: MailCase) -> bool:
    """The call is still at the time that the e-mail announces: the one picked, or else bought."""
    announced = case.instant("to") or case.instant("starts_at")
    return case.booking.starts_at == announced and State(case.booking.state) not in FINAL


def _was_bought_here(event: TimelineEvent) -> bool:
    """The call was bought just now: it was not imported and is not part of the demo's past."""
    return bool(event.data.get("origin") == CHECKOUT)


def where(case: MailCase) -> Facts:
    return (("Where", case.booking.place),) if case.booking.place else ()


def _price(case: MailCase) -> Facts:
    if case.is_free:
        return (("Price", "Free"),)
    by = f", {case.payment.method}" if case.payment and case.payment.method else ""
    return (("Paid", f"{case.price}{by}"),)


def _receipt(case: MailCase) -> Facts:
    """What a receipt needs besides the call and the amount. A free call has none."""
    if case.is_free or case.payment is None:
        return ()
    seller = one_line(settings.RECEIPT_SELLER or case.expert.name)
    paid_at, reader = case.payment.paid_at, case.reader
    on = f"{formats.day(paid_at, reader.zone)} {reader.date(paid_at).year}"  # read years later
    facts = [
        ("Receipt", f"{case.booking.code}, {on}"),
        ("Sold by", seller),
    ]
    name, percent = settings.TAX
    if name:
        tax = formats.tax_in(case.payment.captured_minor, percent)
        amount = formats.money(tax, case.payment.currency)
        facts.append((f"{name} {percent} %", f"{amount}, included in the price"))
    return tuple(facts)


def _answers(case: MailCase) -> Facts:
    """The questions to the buyer, with the answers."""
    return tuple((question, one_line(answer)) for question, answer in case.booking.answered)


def if_it_does_not_happen(case: MailCase) -> Sentence:
    opens_after = formats.duration(case.booking.limits.report_opens_after)
    return (
        "If the call does not happen, you can ",
        case.link("tell us here", "report"),
        f" from {opens_after} after its start.",
    )


@Email(
    FOLLOWER,
    "a call was bought; with a calendar file",
    after=("booked",),
    applies=_was_bought_here,
    still_true=is_at_this_time,
    links=("report", "status"),
    calendar="REQUEST",
)
def booked(case: MailCase) -> Letter:
    who = case.expert.first_name
    return Letter(
        subject=f"You are booked with {who}: {case.call_at}",
        preheader="Calendar file attached.",
        heading=f"Your call with {who} is booked",
        paragraphs=(
            f"Your {case.title} with {case.expert.name} is on {case.call_at}.",
            "A calendar file is attached.",
        ),
        facts=(*case.call_facts, *where(case), *_price(case), *_receipt(case)),
        closing=if_it_does_not_happen(case),
    )


@Email(
    EXPERT,
    "a call was bought; with a calendar file",
    after=("booked",),
    applies=_was_bought_here,
    still_true=is_at_this_time,
    calendar="REQUEST",
)
def booked_expert(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} booked a call: {case.call_at}",
        preheader="Calendar file attached.",
        heading=f"{who} booked your {case.title}",
        paragraphs=(f"{case.follower.name} booked your {case.title} on {case.call_at}.",),
        facts=(*case.call_facts, *where(case), *_price(case), *_answers(case)),
        closing=("A calendar file is attached.",),
    )


_OPENS = {
    "pick": "Pick a new time",
    "report": "Open the report page",
    "contest": "Tell us what happened",
    "status": "View status",
}


def _link_is_current(case: MailCase) -> bool:
    links = case.booking.links.filter(superseded_at__isnull=True)
    return links.filter(purpose=case.datum("purpose")).exists()


@Email(FOLLOWER, "the follower asks for the newest link", still_true=_link_is_current)
def new_link(case: MailCase) -> Letter:
    purpose = str(case.datum("purpose"))
    return Letter(
        subject=f"Your new link for your call with {case.expert.first_name}",
        preheader="Older links have stopped working.",
        heading="Here is your newest link",
        paragraphs=(f"You asked for a new link to your {case.title} with {case.expert.name}.",),
        button=case.link(_OPENS.get(purpose, "Open"), purpose),
        closing=("If you did not ask for it, you can ignore this e-mail.",),
    )
