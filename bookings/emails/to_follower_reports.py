"""E-mails to the follower about whether a call happened."""

from __future__ import annotations

from bookings import clocks, rules
from bookings.emails import truths
from bookings.emails.case import MailCase
from bookings.emails.kinds import FOLLOWER, kind
from bookings.emails.letter import Letter, Sentence
from bookings.emails.words import call_facts, site_name, upper_first, why_follower
from bookings.models import CompletionMark
from bookings.wording.labels import CHANNELS
from bookings.wording.next_step import if_nobody_acts


@kind(
    FOLLOWER,
    "the scheduled end of the call has passed",
    still_true=truths.is_unconfirmed,
    links=("report",),
)
def after_call(case: MailCase) -> Letter:
    closes_at = clocks.report_closes_at(case.booking)
    return Letter(
        subject=f"Did your call with {case.expert.first_name} happen?",
        preheader="If not, tell us. It takes a minute.",
        heading=f"Did your call with {case.expert.first_name} happen?",
        paragraphs=(
            f"your {case.title} with {case.expert.name} was planned for {case.time}.",
            "If it took place, there is nothing to do.",
        ),
        button=case.link("Tell us it did not happen", "report"),
        policy=(f"You can tell us until {case.at(closes_at)}.",),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the expert marks the call as completed",
    still_true=truths.mark_stands,
    links=("contest",),
)
def marked_completed(case: MailCase) -> Letter:
    mark, first_name = case.mark, case.expert.first_name
    if mark is None:
        raise LookupError(f"{case.booking.code} has no mark.")
    closes_at = clocks.contest_closes_at(case.booking)
    until = case.at(closes_at) if closes_at else "then"
    was_absent = mark.outcome == CompletionMark.Outcome.FOLLOWER_ABSENT
    told = "you did not come to your call" if was_absent else "your call took place"
    channel, held_at = CHANNELS.get(mark.channel, ""), mark.held_at or case.booking.starts_at
    facts = [("Call", case.call), ("When", case.at(held_at))]
    facts += [("Where", upper_first(channel))] if channel else []
    facts += [("How long", f"{mark.minutes} min")] if mark.minutes else []
    return Letter(
        subject=f"{first_name} says {told}",
        preheader=f"{upper_first(f'{channel} on {case.on(held_at)}'.strip())}. Not right? Tell us.",
        heading=f"{first_name} marked your call as completed",
        paragraphs=(
            f"{case.expert.name} says that {told}.",
            "The call counts as completed, and nothing is refunded.",
        ),
        quote=mark.note,
        quoted=first_name,
        button=case.link("This is not right", "contest"),
        facts=tuple(facts),
        policy=(f"If it is right, there is nothing to do. If not, tell us by {until}.",),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the follower has reported a no-show",
    still_true=truths.report_is_open,
    links=("report", "status"),
)
def report_received(case: MailCase) -> Letter:
    first_name = case.expert.first_name
    then = if_nobody_acts(case.booking, case.reader)
    withdraw: Sentence = (
        "Did the call happen after all? ",
        case.link("Withdraw the report", "report"),
        ".",
    )
    if case.datum("is_second"):
        withdraw = (
            f"{first_name} cannot offer a new time again. If you would rather have one than a "
            "refund, you can ",
            case.link("pick a new time yourself", "report"),
            ". You can withdraw the report there too.",
        )
    return Letter(
        subject=f"We got your report about {first_name}’s call",
        preheader=f"{first_name} has until {case.deadline} to answer.",
        heading="Thank you for telling us",
        paragraphs=(
            f"you told us that your {case.title} with {case.expert.name} did not happen.",
            f"{first_name} has until {case.deadline} to answer. {then}",
        ),
        button=case.link("See where it stands", "status"),
        facts=(*call_facts(case), ("Answer by", case.deadline)),
        policy=withdraw,
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the follower has withdrawn a report",
    still_true=truths.report_is_closed,
    links=("report",),
)
def withdrawal_received(case: MailCase) -> Letter:
    closes_at = clocks.report_closes_at(case.booking)
    button = case.link("Report it again", "report")
    policy = f"Was that not you? You can report the call until {case.at(closes_at)}."
    if not rules.may_report(case.booking, now=case.now):
        button = case.link("See where it stands", "report")
        policy = "Was that not you, or did the call not happen? Reply to this e-mail."
    return Letter(
        subject=f"Your report about {case.expert.first_name}’s call is withdrawn",
        preheader="Was that not you? Tell us.",
        heading="Your report is withdrawn",
        paragraphs=(
            f"your {case.title} with {case.expert.name} counts as held again.",
            "Nothing is refunded, and there is nothing else to do.",
        ),
        button=button,
        facts=call_facts(case),
        policy=(policy,),
        why=why_follower(case),
        is_private=True,
    )


@kind(
    FOLLOWER,
    "the follower has contested a completed call",
    still_true=truths.is_contested,
    links=("status",),
)
def contest_received(case: MailCase) -> Letter:
    then = if_nobody_acts(case.booking, case.reader)
    return Letter(
        subject=f"We are looking into your call with {case.expert.first_name}",
        preheader=f"You hear from us by {case.deadline}.",
        heading="We are looking into it",
        paragraphs=(
            f"you told us that your {case.title} with {case.expert.name} was not held as stated.",
            f"{site_name()} support reads what both of you wrote and decides by {case.deadline}. "
            f"{then}",
        ),
        button=case.link("See where it stands", "status"),
        facts=call_facts(case),
        why=why_follower(case),
        is_private=True,
    )
