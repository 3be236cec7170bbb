"""E-mails to the expert about a case: reported, contested, decided."""

from __future__ import annotations

from bookings.emails import truths
from bookings.emails.case import MailCase
from bookings.emails.kinds import EXPERT, kind
from bookings.emails.letter import Letter
from bookings.emails.words import (
    expert_facts,
    lower_first,
    reported_because,
    site_name,
    upper_first,
    why_expert,
)
from bookings.wording.next_step import if_nobody_acts


def _ways_to_answer(case: MailCase) -> str:
    if case.booking.offers_after_report:
        return (
            "A new time was offered before, so now only the follower can choose to move the call. "
            "You can mark it as completed if it was held, or refund it."
        )
    return "Offer a new time, or mark the call as completed if it was held."


@kind(EXPERT, "the follower reports a no-show", still_true=truths.report_is_open)
def no_show_reported(case: MailCase) -> Letter:
    who, report = case.follower.first_name, case.report
    words = report.text if report else ""
    because = lower_first(reported_because(case))
    return Letter(
        subject=f"{who} reported a no-show: answer by {case.deadline}",
        preheader=f"“{words[:90]}”" if words else f"{upper_first(because)}.",
        heading=f"{who} says your call did not happen",
        paragraphs=(
            f"{case.follower.name} reported your {case.title}: {lower_first(because)}.",
            _ways_to_answer(case),
        ),
        quote=words,
        quoted=who,
        button=case.booking_link("Answer the report"),
        facts=(*expert_facts(case), ("Answer by", case.deadline)),
        policy=(if_nobody_acts(case.booking, case.reader),),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "48, 24 and 6 hours before the deadline of a no-show report",
    still_true=truths.clock_runs,
)
def time_left(case: MailCase) -> Letter:
    who, hours = case.follower.first_name, int(case.facts.get("hours") or 0)
    left = f"{hours} hour{'' if hours == 1 else 's'}" if hours else "A few minutes"
    is_last = hours <= 6
    return Letter(
        subject=f"{left} left before {case.back} goes back to {who}"
        if is_last and case.back
        else f"{left} left for {who}’s call",
        preheader=f"Answer by {case.deadline}.",
        heading=f"{left} left to answer {who}",
        paragraphs=(
            f"{case.follower.name} reported that your {case.title} did not happen.",
            _ways_to_answer(case),
        ),
        button=case.booking_link("Answer the report"),
        facts=(*expert_facts(case), ("Answer by", case.deadline)),
        policy=(if_nobody_acts(case.booking, case.reader),),
        why=why_expert(case),
    )


@kind(EXPERT, "the follower withdraws a report", still_true=truths.report_is_closed)
def report_withdrawn(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} withdrew the no-show report",
        preheader="There is nothing left to do.",
        heading=f"{who} withdrew the report",
        paragraphs=(
            f"{case.follower.name} no longer says that your {case.title} did not happen.",
            "Nothing is refunded, and there is nothing left to do.",
        ),
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )


@kind(EXPERT, "the follower contests a completed call", still_true=truths.is_contested)
def contested(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} says the call was not held as you wrote",
        preheader=f"{site_name()} support decides by {case.deadline}.",
        heading=f"{who} contested your mark",
        paragraphs=(
            f"you marked your {case.title} with {case.follower.name} as completed. "
            f"{who} says this is not right.",
            f"{site_name()} support decides by {case.deadline}. Reply to this e-mail if you have "
            f"something to add. {if_nobody_acts(case.booking, case.reader)}",
        ),
        quote=case.contest.reason if case.contest else "",
        quoted=who,
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )


@kind(
    EXPERT,
    "support decides a contested call; with the written reason",
    still_true=truths.was_decided,
)
def decision_expert(case: MailCase) -> Letter:
    is_refund = case.datum("decision") == "refunded"
    who = case.follower.first_name
    outcome = "does not count as held" if is_refund else "counts as held"
    money = " ".join(case.money_sentences) if is_refund else "Nothing is refunded."
    return Letter(
        subject=f"Decided: {who}’s call {outcome}",
        preheader=money,
        heading=f"{who}’s call {outcome}",
        paragraphs=(
            f"{site_name()} support has decided about your {case.title} with {case.follower.name}.",
            money,
        ),
        quote=case.event.note if case.event else "",
        quoted=f"{site_name()} support",
        button=case.booking_link("See the booking"),
        facts=expert_facts(case),
        why=why_expert(case),
    )
