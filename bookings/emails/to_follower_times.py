"""E-mails to the follower about picking a new time."""

from __future__ import annotations

from bookings import clocks, formats
from bookings.emails import truths
from bookings.emails.case import MailCase
from bookings.emails.kinds import FOLLOWER, CalendarMethod, kind
from bookings.emails.letter import Letter, Link, Sentence
from bookings.emails.words import call_facts, upper_first, why_follower
from bookings.models import Offer
from bookings.wording.next_step import if_nobody_acts


def request(case: MailCase) -> CalendarMethod:
    return "REQUEST"


def _pick_facts(case: MailCase) -> tuple[tuple[str, str], ...]:
    price = () if case.is_free else (("Price", "Already paid, nothing more to pay"),)
    return (("Call", case.call), *price, ("Choose by", case.deadline))


def _pick_policy(case: MailCase) -> Sentence:
    if not case.booking.has_open_report:
        unchanged = if_nobody_acts(case.booking, case.reader)
        if not clocks.has_started(case.booking, case.now):
            return (unchanged,)
        report = Link("Tell us", case.private_url("report"))
        return (f"{unchanged} Did the call not happen at all? ", report, ".")
    if not case.back:
        return (if_nobody_acts(case.booking, case.reader),)
    refund = Link("Get a refund instead", f"{case.private_url('pick')}refund/")
    then = if_nobody_acts(case.booking, case.reader)
    return (f"{then} Prefer your money back? ", refund, ".")


def _offer_reason(case: MailCase) -> str:
    expert, day = case.expert.name, case.on_long(case.booking.starts_at)
    if case.booking.has_open_report:
        return f"your {case.title} on {day} did not happen. {expert} offers you a new time."
    if clocks.has_started(case.booking, case.now):
        return f"{expert} offers you a new time for your {case.title} of {day}."
    return (
        f"{expert} would like to move your {case.title} of {case.time}. "
        "The old time stays yours until you pick a new one."
    )


@kind(
    FOLLOWER,
    "the expert offers a new time, or sends the link again",
    still_true=truths.offer_is_open,
    links=("status", "report"),
)
def offer(case: MailCase) -> Letter:
    first_name, made = case.expert.first_name, case.offer
    listed = made is not None and made.mode == Offer.Mode.LISTED
    free = "" if case.is_free else " Nothing more to pay."
    how = f"{first_name} suggests a few times." if listed else "Choose any time that is free."
    return Letter(
        subject=f"{first_name} would like to find a new time with you",
        preheader=f"Choose by {case.deadline}.{free}",
        heading=f"Pick a new time with {first_name}",
        paragraphs=(_offer_reason(case), how),
        quote=made.note if made else "",
        quoted=first_name,
        button=case.link("Pick a new time", "pick"),
        facts=_pick_facts(case),
        policy=_pick_policy(case),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "before the link to pick a new time runs out",
    still_true=truths.offer_is_open,
    links=("status", "report"),
)
def offer_reminder(case: MailCase) -> Letter:
    first_name = case.expert.first_name
    after = "After that this link runs out."
    if case.booking.has_open_report and case.back:
        after = "After that you get your money back."
    left = formats.duration(case.booking.limits.link_reminder, days_from=2)
    return Letter(
        subject=f"{upper_first(left)} left to pick a time with {first_name}",
        preheader=after,
        heading=f"You can still pick a new time with {first_name}",
        paragraphs=(f"your link for a new {case.title} is open until {case.deadline}.",),
        button=case.link("Pick a new time", "pick"),
        facts=_pick_facts(case),
        policy=_pick_policy(case),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the expert withdraws an offer whose link was mailed",
    still_true=truths.offer_was_mailed,
    links=("status",),
)
def offer_withdrawn(case: MailCase) -> Letter:
    first_name = case.expert.first_name
    now = f"Your call stays at its time, {case.time}."
    if case.booking.has_open_report:
        then = if_nobody_acts(case.booking, case.reader, until=case.deadline)
        now = f"Your report stands again. {then}"
    elif clocks.has_started(case.booking, case.now):
        now = "Nothing else has changed."
    return Letter(
        subject=f"{first_name} withdrew the new times",
        preheader=now,
        heading="The link to pick a new time is withdrawn",
        paragraphs=(f"{case.expert.name} no longer offers new times for your {case.title}.", now),
        button=case.link("See your booking", "status"),
        facts=call_facts(case),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the follower has picked a new time; with a calendar file",
    still_true=truths.time_holds,
    links=("report", "status"),
    calendar=request,
)
def time_confirmed(case: MailCase) -> Letter:
    place = case.booking.place
    opens_after = formats.duration(case.booking.limits.report_opens_after)
    return Letter(
        subject=f"Your call with {case.expert.first_name} is on {case.time}",
        preheader="Calendar file attached.",
        heading="Your new time is set",
        paragraphs=(
            f"your {case.title} with {case.expert.name} is now on {case.time}.",
            "A calendar file is attached. It replaces the old time.",
        ),
        button=case.link("See your booking", "status"),
        facts=(*call_facts(case), *((("Where", place),) if place else ())),
        policy=(
            f"Did the call not happen? From {opens_after} after its start you can ",
            case.link("tell us here", "report"),
            ".",
        ),
        why=why_follower(case),
        is_private=True,
    )


_BUTTONS = {
    "pick": "Pick a new time",
    "report": "Open the report page",
    "contest": "Tell us what happened",
    "status": "See your booking",
}


@kind(FOLLOWER, "the follower asks for the newest link", still_true=truths.link_is_current)
def new_link(case: MailCase) -> Letter:
    purpose = str(case.datum("purpose"))
    return Letter(
        subject=f"Your new link for your call with {case.expert.first_name}",
        preheader="Older links have stopped working.",
        heading="Here is your newest link",
        paragraphs=(f"you asked for the link of your {case.title} with {case.expert.name}.",),
        button=case.link(_BUTTONS.get(purpose, "Open"), purpose),
        facts=call_facts(case),
        policy=("If you did not ask for it, you can ignore this e-mail.",),
        why=why_follower(case),
        is_private=True,
    )
