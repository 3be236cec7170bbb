"""E-mails to staff."""

from __future__ import annotations

from bookings import formats
from bookings.emails import truths
from bookings.emails.case import Case, page
from bookings.emails.kinds import STAFF, kind
from bookings.emails.letter import Letter, Link
from bookings.emails.words import call_facts, site_name, why_staff
from bookings.models import RefundState
from bookings.models.money import NOT_LIVE
from bookings.plain_text import one_line


def _facts(case: Case) -> tuple[tuple[str, str], ...]:
    return (
        ("Booking", case.booking.code),
        ("Expert", case.expert.name),
        ("Follower", case.follower.name),
        *call_facts(case),
    )


@kind(
    STAFF,
    "a refund is declined, sent back, on hold, without an answer, or to be paid by hand",
    still_true=truths.refund_needs_staff,
)
def staff_refund_failed(case: Case) -> Letter:
    refund = case.refund
    if refund is None:
        raise LookupError(f"{case.booking.code} has no refund.")
    amount = formats.money(refund.amount_minor, refund.currency)
    state = RefundState(refund.state).label.lower()
    problem = f"is on hold ({refund.hold_reason})" if refund.hold_reason else f"is: {state}"
    return Letter(
        subject=f"A refund of {amount} needs you: {refund.hold_reason or state}",
        preheader=f"Booking {case.booking.code}.",
        heading="A refund needs you",
        paragraphs=(f"the refund of {amount} for booking {case.booking.code} {problem}.",),
        quote=refund.last_answer,
        quoted="The provider’s answer" if refund.state in NOT_LIVE else "Why",
        button=case.admin_link("Open the refund", "refund", refund.pk),
        facts=_facts(case),
        policy=("The follower is not paid until somebody acts.",),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "refunds are held: unusually many at once, or the site was restored from a backup")
def staff_refunds_held(case: Case) -> Letter:
    reason = one_line(str(case.facts.get("reason", "on hold")))
    return Letter(
        subject=f"Refunds wait for you: {reason}",
        preheader="No follower is paid until somebody acts.",
        heading="Refunds are on hold",
        paragraphs=(
            f"refunds of {site_name()} are held: {reason}. They are not sent by themselves.",
            "Look at them in the admin: are they right? Then let them go on, all together.",
        ),
        button=Link("Open the refunds", page("admin:bookings_refund_changelist") + "?needs=staff"),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "our books and the provider's differ, or more went back than was paid")
def staff_money_differs(case: Case) -> Letter:
    code = case.booking.code
    return Letter(
        subject=f"The money of {code} does not add up",
        preheader="Compare it with the provider’s dashboard.",
        heading="The money does not add up",
        paragraphs=(
            f"what went back for booking {code} is not what our books say: more went back than "
            "was paid, the provider does not know a refund of ours, a bank dispute was lost, or "
            "a refund from the provider’s dashboard came back.",
            "Compare the payment with the provider’s dashboard. Nothing more is sent by itself.",
        ),
        button=case.admin_link("Open the booking", "booking", case.booking.pk),
        facts=_facts(case),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "a follower contests a completed call", still_true=truths.is_contested)
def staff_contested(case: Case) -> Letter:
    return _to_decide(
        case,
        subject=f"Decide by {case.deadline}: {case.booking.code} is contested",
        heading="A completed call is contested",
    )


@kind(
    STAFF, "before the deadline of a contested call that is undecided",
    still_true=truths.is_contested,
)  # fmt: skip
def staff_contest_reminder(case: Case) -> Letter:
    return _to_decide(
        case,
        subject=f"Still undecided: {case.booking.code}, by {case.deadline}",
        heading="A contested call is still undecided",
    )


def _to_decide(case: Case, *, subject: str, heading: str) -> Letter:
    back = f"{case.back} goes back to the follower" if case.back else "the booking is closed"
    return Letter(
        subject=subject,
        preheader=f"If nobody decides, {back}.",
        heading=heading,
        paragraphs=(
            f"{case.expert.name} marked the call as completed; {case.follower.name} says that "
            "this is not right. Read both sides and decide, with a written reason.",
        ),
        quote=case.contest.reason if case.contest else "",
        quoted=case.follower.first_name,
        button=case.admin_link("Open the booking", "booking", case.booking.pk),
        facts=(*_facts(case), ("Decide by", case.deadline)),
        policy=(f"If nobody decides by then, {back}.",),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "the sweep ran late: deadlines were not watched for a while")
def staff_sweep_late(case: Case) -> Letter:
    minutes = case.facts.get("minutes", "several")
    return Letter(
        subject=f"The sweep was silent for {minutes} minutes",
        preheader="It runs again. Find out why it stopped.",
        heading="The sweep was silent",
        paragraphs=(
            f"for {minutes} minutes nothing watched the deadlines of {site_name()}, "
            "sent reminders or refunds. It runs again and catches up by itself.",
            "Look at the beat and the workers: were they down, or too slow?",
        ),
        button=Link("Open the admin", page("admin:index")),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "an expert asks support for help")
def staff_support_request(case: Case) -> Letter:
    asked = case.support_request
    name = asked.expert.name
    about = (("Booking", asked.booking.code),) if asked.booking else ()
    return Letter(
        subject=f"{name} asks: {asked.subject}",
        preheader=asked.message[:90],
        heading=f"{name} asks for help",
        paragraphs=(f"{name} wrote: {asked.subject}",),
        quote=asked.message,
        quoted=name,
        button=case.admin_link("Answer in the admin", "supportrequest", asked.pk),
        facts=(("Expert", name), *about),
        policy=("Answer in the admin; a reply to this e-mail does not reach the expert.",),
        why=why_staff(),
        can_reply=False,
    )
