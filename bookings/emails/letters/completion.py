"""A call was marked as completed: the mark, whoever contests it, and what support decides."""

from __future__ import annotations

from bookings import clocks
from bookings.emails.letter import Letter, MailCase, upper_first
from bookings.emails.registry import EXPERT, FOLLOWER, STAFF, Email
from bookings.states import State
from bookings.wording.labels import CHANNELS
from bookings.wording.next_step import if_nobody_acts


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
        closing=(f"If it is right, there is nothing to do. If not, tell us by {until}.",),
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
        preheader=f"You hear from us by {case.deadline}.",
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
        money = "There was nothing to pay."
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
