"""A new time: offered, withdrawn, picked, or not picked."""

from __future__ import annotations

from bookings import clocks, formats
from bookings.emails.letter import Facts, Letter, Link, MailCase, Sentence, upper_first
from bookings.emails.letters.booked import if_it_does_not_happen, is_at_this_time, where
from bookings.emails.registry import EXPERT, FOLLOWER, Email
from bookings.models import Offer, OutboxState
from bookings.states import State
from bookings.wording.next_step import if_nobody_acts


def _is_open(case: MailCase) -> bool:
    """The very offer the event made is open; a link sent again belongs to whichever is open."""
    if case.booking.state != State.RESCHEDULE_OFFERED or not case.has_same_deadline:
        return False
    offer = case.booking.offers.filter(outcome=Offer.Outcome.OPEN).first()
    if offer is None or case.event is None or case.event.verb != "offer_reschedule":
        return offer is not None
    return offer.made_by_id == case.event.pk


def _was_mailed(case: MailCase) -> bool:
    """Followers who never got the link are not told that it was withdrawn."""
    if case.booking.state == State.RESCHEDULE_OFFERED or case.event is None:
        return False
    withdrawn = Offer.objects.filter(closed_by=case.event).first()
    if withdrawn is None:
        return False
    left = case.booking.emails.filter(
        kind="offer", state__in=(OutboxState.SENDING, OutboxState.SENT)
    )
    return left.filter(created_at__gte=withdrawn.offered_at).exists()


def _facts(case: MailCase) -> Facts:
    price = () if case.is_free else (("Price", "Already paid, so there is nothing more to pay"),)
    return (("Call", case.call), *price, ("Choose by", case.deadline))


def _if_nothing_is_picked(case: MailCase) -> Sentence:
    then = if_nobody_acts(case.booking, case.reader)
    if case.booking.has_open_report and case.back:
        refund = Link("Get a refund instead", f"{case.private_url('pick')}refund/")
        return (f"{then} Would you rather have your money back? ", refund, ".")
    if case.booking.has_open_report or not clocks.has_started(case.booking, case.now):
        return (then,)
    return (f"{then} Did the call not happen at all? ", case.link("Tell us", "report"), ".")


def _reason(case: MailCase) -> str:
    expert = case.expert.name
    if case.booking.has_open_report:
        return (
            f"Your {case.title} on {case.long_day} did not happen. {expert} offers you a new time."
        )
    if clocks.has_started(case.booking, case.now):
        return f"{expert} offers you a new time for your {case.title} of {case.long_day}."
    return (
        f"{expert} would like to move your {case.title} of {case.call_at}. "
        "The old time stays yours until you pick a new one."
    )


@Email(
    FOLLOWER,
    "the expert offers a new time, or sends the link again",
    after=("offer_reschedule", "link_resent"),
    still_true=_is_open,
    links=("status", "report"),
)
def offer(case: MailCase) -> Letter:
    who, made = case.expert.first_name, case.offer
    listed = made is not None and made.mode == Offer.Mode.LISTED
    free = "" if case.is_free else " There is nothing more to pay."
    how = f"{who} suggests a few times." if listed else "Choose any time that is free."
    return Letter(
        subject=f"{who} would like to find a new time with you",
        preheader=f"Choose by {case.deadline}.{free}",
        heading=f"Pick a new time with {who}",
        paragraphs=(_reason(case), how),
        quote=made.note if made else "",
        quoted=who,
        button=case.link("Pick a new time", "pick"),
        facts=_facts(case),
        closing=_if_nothing_is_picked(case),
    )


@Email(
    FOLLOWER,
    "before the link to pick a new time runs out",
    still_true=_is_open,
    links=("status", "report"),
)
def offer_reminder(case: MailCase) -> Letter:
    who = case.expert.first_name
    after = "After that the link stops working."
    if case.booking.has_open_report and case.back:
        after = "After that you get your money back."
    left = formats.duration(case.booking.limits.link_reminder, days_from=2)
    return Letter(
        subject=f"{upper_first(left)} left to pick a time with {who}",
        preheader=after,
        heading=f"You can still pick a new time with {who}",
        paragraphs=(f"Your link for a new {case.title} is open until {case.deadline}.",),
        button=case.link("Pick a new time", "pick"),
        facts=_facts(case),
        closing=_if_nothing_is_picked(case),
    )


@Email(
    EXPERT,
    "the e-mail with the link to pick a new time could not be delivered",
    still_true=_is_open,
)
def offer_undelivered(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"Your link did not reach {who}",
        preheader="The e-mail could not be delivered.",
        paragraphs=(
            f"We could not deliver the e-mail with the link for a new {case.title}.",
            f"Send it again, or ask {who} for another address and tell support about it.",
        ),
        facts=(*case.call_facts, ("Link open until", case.deadline)),
    )


@Email(
    FOLLOWER,
    "the expert withdraws an offer whose link was mailed",
    after=("withdraw_offer",),
    still_true=_was_mailed,
    links=("status",),
)
def offer_withdrawn(case: MailCase) -> Letter:
    now = f"Your call stays at its time, {case.call_at}."
    if case.booking.has_open_report:
        then = if_nobody_acts(case.booking, case.reader, until=case.deadline)
        now = f"Your report stands again. {then}"
    elif clocks.has_started(case.booking, case.now):
        now = "Nothing else has changed."
    return Letter(
        subject=f"{case.expert.first_name} withdrew the new times",
        preheader=now,
        heading="The link to pick a new time is withdrawn",
        paragraphs=(f"{case.expert.name} no longer offers new times for your {case.title}.", now),
    )


@Email(
    EXPERT,
    "the link ran out unused and nothing has changed",
    after=("offer_lapsed",),
    applies=lambda event: event.to_state != State.REFUNDED,
)
def offer_lapsed(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} picked no new time",
        preheader="The link has expired. Nothing else has changed.",
        paragraphs=(
            f"Your link for a new {case.title} was not used. The booking stays as it was.",
        ),
    )


@Email(
    FOLLOWER,
    "the follower has picked a new time; with a calendar file",
    after=("pick_time", "move_instead"),
    still_true=is_at_this_time,
    links=("report", "status"),
    calendar="REQUEST",
)
def time_confirmed(case: MailCase) -> Letter:
    return Letter(
        subject=f"Your call with {case.expert.first_name} is on {case.call_at}",
        preheader="Calendar file attached.",
        heading="Your new time is set",
        paragraphs=(
            f"Your {case.title} with {case.expert.name} is now on {case.call_at}.",
            "A calendar file is attached. It replaces the old time.",
        ),
        facts=(*case.call_facts, *where(case)),
        closing=if_it_does_not_happen(case),
    )


@Email(
    EXPERT,
    "the follower has picked a new time; with a calendar file",
    after=("pick_time", "move_instead"),
    still_true=is_at_this_time,
    calendar="REQUEST",
)
def time_picked(case: MailCase) -> Letter:
    who, old = case.follower.first_name, case.instant("from")
    instead = f" instead of {case.at(old)}" if old else ""
    return Letter(
        subject=f"{who} picked {case.call_at}",
        preheader="Calendar file attached.",
        heading=f"{who} picked a new time",
        paragraphs=(f"Your {case.title} with {case.follower.name} is on {case.call_at}{instead}.",),
        closing=("The attached calendar file replaces the old time.",),
    )
