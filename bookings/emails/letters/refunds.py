"""A call ends and money goes back, or does not."""

from __future__ import annotations

from bookings import formats
from bookings.emails.letter import Letter, MailCase, admin_link, page_link
from bookings.emails.registry import EXPERT, FOLLOWER, STAFF, Email
from bookings.models import RefundState
from bookings.models.money import FAILED, NEEDS_STAFF, NOT_LIVE
from bookings.plain_text import one_line
from bookings.states import FINAL, ActorKind, State
from bookings.wording import refund as wording
from bookings.wording.limits import BANK_TAKES
from bookings.wording.refund import GOING, Place

_MAY_REFUND = ("refund_now", "refund_instead", "no_answer", "offer_lapsed", "nobody_decided")
"""After any of these the booking may be refunded. `decide` and `cancel` have their own e-mails,
which tell of the refund themselves."""


def _has_ended(case: MailCase) -> bool:
    """Refunded or cancelled, whatever became of the money since: the words say that. An undo
    takes back what was held."""
    return State(case.booking.state) in FINAL


def _is_cancelled(case: MailCase) -> bool:
    return case.booking.state == State.CANCELLED


def _refund_needs_staff(case: MailCase) -> bool:
    refund = case.refund
    if refund is None:
        return False
    is_slow = refund.state == RefundState.ACCEPTED and refund.alerted_at is not None
    return bool(refund.hold_reason) or refund.state in NEEDS_STAFF or is_slow


def _ending(case: MailCase) -> str:
    if case.datum("was_future"):
        return "will not take place"
    return "ends with a refund" if case.refunded_minor else "is closed"


def _written_again(case: MailCase) -> tuple[str, ...]:
    is_closed = case.where in (Place.NOTHING, Place.ELSEWHERE)
    return () if is_closed else ("We will write again when your bank has the money.",)


# --- how a call ends ------------------------------------------------------------------------------


@Email(
    FOLLOWER,
    "a booking ends with a refund, or a free call is closed",
    after=_MAY_REFUND,
    applies=lambda event: event.to_state == State.REFUNDED,
    still_true=_has_ended,
    links=("status",),
    calendar="CANCEL",
)
def refund_started(case: MailCase) -> Letter:
    heading = wording.title(case.where)
    call, refund = f"Your call with {case.expert.first_name}", f"Your {case.amount} refund"
    day = f"on {case.call_at}" if case.datum("was_future") else f"of {case.long_day}"
    is_by_hand = case.event is not None and case.event.verb == "refund_now"
    return Letter(
        subject=heading.replace("Your refund", refund).replace("Your call", call),
        preheader=f"On your account: {BANK_TAKES}." if case.where in GOING else case.cause,
        heading=heading,
        paragraphs=(
            f"Your {case.title} with {case.expert.name} {day} {_ending(case)}. {case.cause}",
            *case.money_sentences,
        ),
        quote=case.note if is_by_hand else "",
        quoted=case.support if case.is_by_staff else case.expert.first_name,
        facts=case.refund_facts,
        closing=_written_again(case),
    )


@Email(
    EXPERT,
    "a booking ends with a refund that the expert did not make",
    after=_MAY_REFUND,
    applies=lambda event: event.to_state == State.REFUNDED and event.actor_kind != ActorKind.EXPERT,
    still_true=_has_ended,
    calendar="CANCEL",
)
def booking_refunded(case: MailCase) -> Letter:
    who = case.follower.first_name
    title = f"{who}’s call {'ends with a refund' if case.refunded_minor else 'is closed'}"
    is_going = case.where in GOING
    return Letter(
        subject=f"{case.amount} is going back to {who}" if is_going else title,
        preheader=case.cause,
        heading=f"{who}’s call is refunded" if is_going else title,
        paragraphs=(
            f"Your {case.title} with {case.follower.name} {_ending(case)}. {case.cause}",
            *case.money_sentences,
        ),
        quote=case.note if case.is_by_staff else "",
        quoted=case.support,
    )


@Email(
    FOLLOWER,
    "the expert or staff cancels a call; with a calendar file",
    after=("cancel",),
    still_true=_is_cancelled,
    links=("status",),
    calendar="CANCEL",
)
def call_cancelled(case: MailCase) -> Letter:
    who = case.support if case.is_by_staff else case.expert.first_name
    return Letter(
        subject=f"{who} cancelled your call on {case.call_at}",
        preheader=case.money_sentences[0],
        heading="Your call is cancelled",
        paragraphs=(
            f"Your {case.title} with {case.expert.name} on {case.call_at} will not take place.",
            *case.money_sentences,
        ),
        quote=case.note,
        quoted=who,
        facts=case.refund_facts,
    )


@Email(
    EXPERT,
    "staff cancels a call; with a calendar file",
    after=("cancel",),
    applies=lambda event: event.actor_kind == ActorKind.STAFF,
    still_true=_is_cancelled,
    calendar="CANCEL",
)
def call_cancelled_expert(case: MailCase) -> Letter:
    return Letter(
        subject=f"Your call with {case.follower.first_name} on {case.call_at} is cancelled",
        preheader=f"{case.support} cancelled it.",
        heading="Your call is cancelled",
        paragraphs=(
            f"{case.support} cancelled your {case.title} with {case.follower.name}.",
            *case.money_sentences,
        ),
        quote=case.note,
        quoted=case.support,
    )


@Email(
    FOLLOWER,
    "somebody paid for a time that another person got; the money goes back",
    after=("time_taken",),
    still_true=_has_ended,
    links=("status",),
)
def time_taken(case: MailCase) -> Letter:
    cause = f"Somebody else booked {case.call_at} while you were paying."
    if case.datum("is_second"):
        cause = f"You paid twice for your {case.title} on {case.call_at}. Your booking stands."
    return Letter(
        subject=f"You get {case.amount} back: {case.title} with {case.expert.first_name}",
        preheader=case.money_sentences[0],
        heading=f"You get your {case.amount} back",
        paragraphs=(cause, *case.money_sentences),
        facts=case.refund_facts,
        closing=_written_again(case),
        why=f"you paid for a call on {case.site_name} ({case.booking.code})",
    )


# --- what becomes of a refund ---------------------------------------------------------------------


@Email(
    FOLLOWER,
    "the provider says that a refund has succeeded",
    after=("refund_succeeded", "refund_paid_by_hand"),
    still_true=lambda case: case.refund is not None and case.refund.state == RefundState.SUCCEEDED,
    links=("status",),
)
def refund_confirmed(case: MailCase) -> Letter:
    reference = case.refund.reference if case.refund else ""
    found_by = ("Your bank can find it by the reference below.",) if reference else ()
    return Letter(
        subject=f"Your {case.amount} refund is with your bank",
        preheader="Reference inside." if reference else case.money_sentences[-1],
        heading="Your refund went through",
        paragraphs=(*case.money_sentences, *found_by),
        facts=(*case.refund_facts, *((("Reference", reference),) if reference else ())),
    )


@Email(
    FOLLOWER,
    "a refund is declined, or the bank sends it back",
    after=("refund_declined", "refund_reversed"),
    still_true=lambda case: case.refund is not None and case.refund.state in FAILED,
    links=("status",),
)
def refund_failed(case: MailCase) -> Letter:
    problem = "needs your help" if case.where is Place.SENT_BACK else "is delayed"
    return Letter(
        subject=f"Your {case.amount} refund {problem}",
        preheader=case.money_sentences[0],
        heading=wording.heading(case.where),
        paragraphs=case.money_sentences,
        facts=(("Amount", case.amount), ("Call", case.call)),
    )


_PROBLEMS = {
    RefundState.DECLINED: "was declined",
    RefundState.REVERSED: "was sent back",
    RefundState.UNKNOWN: "has had no answer yet",
    RefundState.MANUAL_DUE: "has to be paid by hand",
    RefundState.ACCEPTED: "has been with the bank for unusually long",
}
"""What is said of a refund in each state that staff may have to look at."""


@Email(
    STAFF,
    "a refund is declined, sent back, on hold, without an answer, or to be paid by hand",
    after=("refund_declined", "refund_reversed", "refund_held", "refund_by_hand"),
    still_true=_refund_needs_staff,
)
def staff_refund_failed(case: MailCase) -> Letter:
    refund = case.refund
    if refund is None:
        raise LookupError(f"{case.booking.code} has no refund.")
    amount = formats.money(refund.amount_minor, refund.currency)
    state = RefundState(refund.state)
    problem = f"is on hold ({refund.hold_reason})" if refund.hold_reason else _PROBLEMS[state]
    return Letter(
        subject=f"A refund of {amount} needs you: {refund.hold_reason or state.label.lower()}",
        preheader=f"Booking {case.booking.code}.",
        heading="A refund needs you",
        paragraphs=(f"The refund of {amount} for booking {case.booking.code} {problem}.",),
        quote=refund.last_answer,
        quoted="The provider’s answer" if refund.state in NOT_LIVE else "Reason",
        button=admin_link("Open the refund", "refund", refund.pk),
        closing=("The follower is not paid until somebody acts.",),
    )


@Email(STAFF, "refunds are held: unusually many at once, or the site was restored from a backup")
def staff_refunds_held(case: MailCase) -> Letter:
    reason = one_line(str(case.facts.get("reason", "on hold")))
    return Letter(
        subject=f"Refunds wait for you: {reason}",
        preheader="No follower is paid until somebody acts.",
        heading="Refunds are on hold",
        paragraphs=(
            f"Refunds of {case.site_name} are on hold ({reason}). They are not sent automatically.",
            "Check them in the admin. If they are right, release them all together.",
        ),
        button=page_link(
            "Open the refunds", "admin:bookings_refund_changelist", query="?needs=staff"
        ),
    )


@Email(STAFF, "our books and the provider's differ, or more went back than was paid")
def staff_money_differs(case: MailCase) -> Letter:
    code = case.booking.code
    return Letter(
        subject=f"The money of {code} does not add up",
        preheader="Compare it with the provider’s dashboard.",
        heading="The money does not add up",
        paragraphs=(
            f"The money that went back for booking {code} differs from our books. Either more went "
            "back than was paid, or the provider does not know a refund of ours, or a bank dispute "
            "was lost, or a refund from the provider’s dashboard came back.",
            "Compare the payment with the provider’s dashboard. Nothing more is sent "
            "automatically.",
        ),
    )
