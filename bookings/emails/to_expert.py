"""E-mails to the expert about times, refunds and support."""

from __future__ import annotations

from bookings.emails import truths
from bookings.emails.case import MailCase, page
from bookings.emails.kinds import EXPERT, kind
from bookings.emails.letter import Letter, Link
from bookings.emails.to_follower_refunds import cancel_if_future
from bookings.emails.to_follower_times import request
from bookings.emails.words import expert_facts, site_name, upper_first, why_expert
from bookings.wording.refund import GOING


@kind(
    EXPERT,
    "the follower has picked a new time; with a calendar file",
    still_true=truths.time_holds,
    calendar=request,
)
def time_picked(case: MailCase) -> Letter:
    who, old = case.follower.first_name, case.instant("from")
    instead = f" instead of {case.at(old)}" if old else ""
    return Letter(
        subject=f"{who} picked {case.time}",
        preheader="Calendar file attached.",
        heading=f"{who} picked a new time",
        paragraphs=(f"your {case.title} with {case.follower.name} is on {case.time}{instead}.",),
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        policy=("The attached calendar file replaces the old time.",),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "a booking ends with a refund that the expert did not make",
    still_true=truths.has_ended,
    applies=truths.after_refund_by_others,
    calendar=cancel_if_future,
)
def booking_refunded(case: MailCase) -> Letter:
    who, cause = case.follower.first_name, f"{case.cause}."
    ending = "ends with a refund" if case.refunded_minor else "is closed"
    title = f"{who}’s call {ending}"
    ends = "will not take place" if case.datum("was_future") else ending
    by_staff = case.event is not None and case.event.actor_kind == "staff"
    is_started = case.where in GOING
    return Letter(
        subject=f"{case.amount} is going back to {who}" if is_started else title,
        preheader=cause,
        heading=f"{who}’s call is refunded" if is_started else title,
        paragraphs=(
            f"your {case.title} with {case.follower.name} {ends}. {cause}",
            *case.money_sentences,
        ),
        quote=case.event.note if by_staff and case.event else "",
        quoted=f"{site_name()} support",
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "the link ran out unused and nothing has changed",
    applies=truths.after_lapse_without_refund,
)
def offer_lapsed(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} picked no new time",
        preheader="The link has run out. Nothing else has changed.",
        heading=f"{who} picked no new time",
        paragraphs=(
            f"your link for a new {case.title} was not used. The booking stays as it was.",
        ),
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "staff cancels a call; with a calendar file",
    still_true=truths.is_cancelled,
    applies=truths.after_staff,
    calendar=cancel_if_future,
)
def call_cancelled_expert(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"Your call with {who} on {case.time} is cancelled",
        preheader=f"{site_name()} support cancelled it.",
        heading="Your call is cancelled",
        paragraphs=(
            f"{site_name()} support cancelled your {case.title} with {case.follower.name}.",
            *case.money_sentences,
        ),
        quote=case.event.note if case.event else "",
        quoted=f"{site_name()} support",
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "the e-mail with the link to pick a new time could not be delivered",
    still_true=truths.offer_is_open,
)
def offer_undelivered(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"Your link did not reach {who}",
        preheader="The e-mail could not be delivered.",
        heading=f"Your link did not reach {who}",
        paragraphs=(
            f"we could not deliver the e-mail with the link for a new {case.title}.",
            f"Send it again, or ask {who} for another address and tell support.",
        ),
        button=case.booking_link("See the booking"),
        facts=(*expert_facts(case), ("Link open until", case.deadline)),
        why=why_expert(case),
    )


@kind(EXPERT, "staff answers a support request")
def support_answer(case: MailCase) -> Letter:
    asked = case.support_request
    return Letter(
        subject=f"Re: {asked.subject}",
        preheader=asked.answer[:90],
        heading=f"{site_name()} support answered you",
        paragraphs=(f"you asked us: {upper_first(asked.subject)}",),
        quote=asked.answer,
        quoted=f"{site_name()} support",
        button=Link("See your requests", page("support")),
        why="You get this e-mail because you asked support for help.",
    )
