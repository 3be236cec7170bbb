"""Did the call take place? What the follower is asked, what becomes of their report, and a call
that was marked as completed: the mark, whoever contests it, and what support decides.
"""

from __future__ import annotations

from bookings import clocks, rules
from bookings.emails.letter import (
    Letter,
    MailCase,
    Sentence,
    lower_first,
    page_link,
    upper_first,
)
from bookings.emails.registry import EXPERT, FOLLOWER, STAFF, Email
from bookings.models import NoShowReport
from bookings.states import State
from bookings.wording.labels import CHANNELS
from bookings.wording.next_step import if_nobody_acts


def _is_unconfirmed(case: MailCase) -> bool:
    """The call is over, nobody has said anything, and it was not moved since."""
    booking, queued = case.booking, case.instant("starts_at")
    is_past = clocks.has_ended(booking, case.now) and queued in (None, booking.starts_at)
    return is_past and booking.state == State.SCHEDULED and not booking.has_open_report


def _is_open(case: MailCase) -> bool:
    """The very report the event made."""
    if case.booking.state != State.NO_SHOW_REPORTED or case.event is None:
        return False
    reports = case.booking.reports.filter(made_by=case.event)
    return reports.filter(outcome=NoShowReport.Outcome.OPEN).exists()


def _is_closed(case: MailCase) -> bool:
    return not case.booking.has_open_report


def _clock_runs(case: MailCase) -> bool:
    deadline_at = case.booking.deadline_at
    is_ahead = deadline_at is not None and case.now < deadline_at
    return case.booking.state == State.NO_SHOW_REPORTED and is_ahead and case.has_same_deadline


@Email(
    FOLLOWER,
    "the scheduled end of the call has passed",
    still_true=_is_unconfirmed,
    links=("report",),
)
def after_call(case: MailCase) -> Letter:
    closes_at = clocks.report_closes_at(case.booking)
    question = f"Did your call with {case.expert.first_name} happen?"
    return Letter(
        subject=question,
        preheader="If not, tell us. It takes a minute.",
        paragraphs=(
            f"Your {case.title} with {case.expert.name} was planned for {case.call_at}.",
            "If it took place, you do not need to do anything.",
        ),
        button=case.link("Tell us it did not happen", "report"),
        closing=(f"You can tell us until {case.at(closes_at)}.",),
    )


@Email(
    FOLLOWER,
    "the follower has reported a no-show",
    after=("report_no_show",),
    still_true=_is_open,
    links=("report", "status"),
)
def report_received(case: MailCase) -> Letter:
    who = case.expert.first_name
    withdraw: Sentence = (
        "Did the call happen after all? ",
        case.link("Withdraw the report", "report"),
        ".",
    )
    if case.datum("is_second"):
        withdraw = (
            f"{who} cannot offer a new time again. If you would rather have one than a refund, "
            "you can ",
            case.link("pick a new time yourself", "report"),
            ". You can withdraw the report there too.",
        )
    until, then = case.until_answered
    return Letter(
        subject=f"We received your report about your call with {who}",
        preheader=until,
        heading="Thank you for telling us",
        paragraphs=(
            f"You told us that your {case.title} with {case.expert.name} did not happen.",
            f"{until} {then}",
        ),
        facts=(*case.call_facts, ("Answer by", case.deadline)),
        closing=withdraw,
    )


def _ways_to_answer(case: MailCase) -> str:
    if case.booking.offers_after_report:
        return (
            "You have already offered a new time once, so now only the follower can move the call. "
            "You can mark it as completed if it was held, or refund it."
        )
    return "Offer a new time, or mark the call as completed if it was held."


@Email(EXPERT, "the follower reports a no-show", after=("report_no_show",), still_true=_is_open)
def no_show_reported(case: MailCase) -> Letter:
    who, report, until = case.follower.first_name, case.report, case.deadline
    words = report.text if report else ""
    reason = NoShowReport.Reason(report.reason).label if report else ""
    return Letter(
        subject=f"{who} reported a no-show: answer by {until}",
        preheader=f"“{words[:90]}”" if words else f"{upper_first(reason)}.",
        heading=f"{who} says your call did not happen",
        paragraphs=(
            f"{case.follower.name} reported your {case.title}: {lower_first(reason)}.",
            _ways_to_answer(case),
        ),
        quote=words,
        quoted=who,
        button=page_link("Answer the report", "booking", code=case.booking.code),
        facts=(*case.call_facts, ("Answer by", until)),
        closing=(if_nobody_acts(case.booking, case.reader),),
    )


@Email(EXPERT, "48, 24 and 6 hours before the deadline of a no-show report", still_true=_clock_runs)
def time_left(case: MailCase) -> Letter:
    who, hours = case.follower.first_name, int(case.facts.get("hours") or 0)
    left = f"{hours} hour{'' if hours == 1 else 's'}" if hours else "A few minutes"
    subject = f"{left} left for {who}’s call"
    if hours <= 6 and case.back:
        subject = f"{left} left before {case.back} goes back to {who}"
    return Letter(
        subject=subject,
        preheader=f"Answer by {case.deadline}.",
        heading=f"{left} left to answer {who}",
        paragraphs=(
            f"{case.follower.name} reported that your {case.title} did not happen.",
            _ways_to_answer(case),
        ),
        button=page_link("Answer the report", "booking", code=case.booking.code),
        facts=(*case.call_facts, ("Answer by", case.deadline)),
        closing=(if_nobody_acts(case.booking, case.reader),),
    )


@Email(
    FOLLOWER,
    "the follower has withdrawn a report",
    after=("withdraw_report",),
    still_true=_is_closed,
    links=("report",),
)
def withdrawal_received(case: MailCase) -> Letter:
    closes_at = clocks.report_closes_at(case.booking)
    button = case.link("Report it again", "report")
    closing = f"Was that not you? You can report the call until {case.at(closes_at)}."
    if not rules.may_report(case.booking, now=case.now):
        button = case.link("View status", "report")
        closing = "Was that not you, or did the call not happen? Reply to this e-mail."
    return Letter(
        subject=f"Your report about your call with {case.expert.first_name} is withdrawn",
        preheader="Was that not you? Tell us.",
        heading="Your report is withdrawn",
        paragraphs=(
            f"Your {case.title} with {case.expert.name} counts as held again.",
            "Nothing is refunded, and you do not need to do anything else.",
        ),
        button=button,
        closing=(closing,),
    )


@Email(EXPERT, "the follower withdraws a report", after=("withdraw_report",), still_true=_is_closed)
def report_withdrawn(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} withdrew the no-show report",
        preheader="You do not need to do anything.",
        heading=f"{who} withdrew the report",
        paragraphs=(
            f"{case.follower.name} no longer says that your {case.title} did not happen.",
            "Nothing is refunded, and you do not need to do anything.",
        ),
    )


def _mark_stands(case: MailCase) -> bool:
    """The very mark the event made, and not one of an earlier attempt."""
    mark, booking = case.mark, case.booking
    if mark is None or mark.undone_at is not None or mark.marked_at != booking.marked_at:
        return False
    return booking.state == State.COMPLETED


def _is_contested(case: MailCase) -> bool:
    return case.booking.state == State.CONTESTED and case.has_same_deadline


def _was_decided(case: MailCase) -> bool:
    return case.contest is not None and case.contest.decision != ""


@Email(
    FOLLOWER,
    "the expert marks the call as completed",
    after=("mark_completed",),
    still_true=_mark_stands,
    links=("contest",),
)
def marked_completed(case: MailCase) -> Letter:
    mark, who = case.mark, case.expert.first_name
    if mark is None:
        raise LookupError(f"{case.booking.code} has no mark.")
    closes_at = clocks.contest_closes_at(case.booking)
    until = case.at(closes_at) if closes_at else "then"
    channel, held_at = CHANNELS.get(mark.channel, ""), mark.held_at or case.booking.starts_at
    return Letter(
        subject=case.marked_as,
        preheader=f"{upper_first(f'{channel} on {case.on(held_at)}'.strip())}. Not right? Tell us.",
        heading=f"{who} marked your call as completed",
        paragraphs=(
            f"{case.marked_as}.",
            "The call counts as completed, and nothing is refunded.",
        ),
        quote=mark.note,
        quoted=who,
        button=case.link("This is not right", "contest"),
        facts=case.mark_facts,
        closing=(f"If this is right, you do not need to do anything. If not, tell us by {until}.",),
    )


@Email(
    FOLLOWER,
    "the follower has contested a completed call",
    after=("contest",),
    still_true=_is_contested,
    links=("status",),
)
def contest_received(case: MailCase) -> Letter:
    return Letter(
        subject=f"We are looking into your call with {case.expert.first_name}",
        preheader=f"You will hear from us by {case.deadline}.",
        heading="We are looking into it",
        paragraphs=(
            f"You told us that your {case.title} with {case.expert.name} was not held as stated.",
            f"{case.support} reads what both of you wrote and decides by {case.deadline}. "
            f"{if_nobody_acts(case.booking, case.reader)}",
        ),
    )


@Email(
    EXPERT, "the follower contests a completed call", after=("contest",), still_true=_is_contested
)
def contested(case: MailCase) -> Letter:
    who = case.follower.first_name
    return Letter(
        subject=f"{who} says the call was not held as you wrote",
        preheader=f"{case.support} decides by {case.deadline}.",
        heading=f"{who} contested your mark",
        paragraphs=(
            f"You marked your {case.title} with {case.follower.name} as completed. "
            f"{who} says this is not right.",
            f"{case.support} decides by {case.deadline}. Reply to this e-mail if you have "
            f"something to add. {if_nobody_acts(case.booking, case.reader)}",
        ),
        quote=case.contest.reason if case.contest else "",
        quoted=who,
    )


def _to_decide(case: MailCase, *, subject: str, heading: str) -> Letter:
    then = if_nobody_acts(case.booking, case.reader)
    return Letter(
        subject=subject,
        preheader=then,
        heading=heading,
        paragraphs=(
            f"{case.expert.name} marked the call as completed; {case.follower.name} says that "
            "this is not right. Read both sides and decide, with a written reason.",
        ),
        quote=case.contest.reason if case.contest else "",
        quoted=case.follower.first_name,
        facts=(*case.call_facts, ("Decide by", case.deadline)),
        closing=(then,),
    )


@Email(STAFF, "a follower contests a completed call", after=("contest",), still_true=_is_contested)
def staff_contested(case: MailCase) -> Letter:
    return _to_decide(
        case,
        subject=f"Decide by {case.deadline}: {case.booking.code} is contested",
        heading="A completed call is contested",
    )


@Email(STAFF, "before the deadline of a contested call that is undecided", still_true=_is_contested)
def staff_contest_reminder(case: MailCase) -> Letter:
    return _to_decide(
        case,
        subject=f"{case.booking.code} is still undecided: decide by {case.deadline}",
        heading="A contested call is still undecided",
    )


def _is_refund(case: MailCase) -> bool:
    return bool(case.datum("decision") == "refunded")


def _verdict(case: MailCase) -> str:
    return "does not count as held" if _is_refund(case) else "counts as held"


@Email(
    FOLLOWER,
    "support decides a contested call; with the written reason",
    after=("decide",),
    still_true=_was_decided,
    links=("status",),
)
def decision(case: MailCase) -> Letter:
    money = "The payment stays with the expert."
    if _is_refund(case):
        money = " ".join(case.money_sentences)
    elif case.is_free:
        money = "You had nothing to pay."
    return Letter(
        subject=f"Decided: your call with {case.expert.first_name} {_verdict(case)}",
        preheader=money,
        heading=f"Your call {_verdict(case)}",
        paragraphs=(
            f"{case.support} has decided about your {case.title} with {case.expert.name}.",
            money,
        ),
        quote=case.note,
        quoted=case.support,
        facts=case.refund_facts if _is_refund(case) else case.call_facts,
    )


@Email(
    EXPERT,
    "support decides a contested call; with the written reason",
    after=("decide",),
    still_true=_was_decided,
)
def decision_expert(case: MailCase) -> Letter:
    title = f"{case.follower.first_name}’s call {_verdict(case)}"
    money = " ".join(case.money_sentences) if _is_refund(case) else "Nothing is refunded."
    return Letter(
        subject=f"Decided: {title}",
        preheader=money,
        heading=title,
        paragraphs=(
            f"{case.support} has decided about your {case.title} with {case.follower.name}.",
            money,
        ),
        quote=case.note,
        quoted=case.support,
    )
