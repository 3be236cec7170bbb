"""The ports to a payment provider: what we ask, and what it may answer. One is for refunds and
disputes, one for being paid.

An adapter never decides anything about a booking and never touches our tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """One refund, asked for with the same words and the same key every time."""

    idempotency_key: str
    refund_uuid: str
    """The provider keeps it as metadata, so that the refund is found again without its id."""
    payment_ref: str
    amount_minor: int
    currency: str
    booking_code: str


class Status(StrEnum):
    ACCEPTED = "accepted"
    """The provider has it; the bank does not have it yet."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    """A definite no: no money has moved."""
    REVERSED = "reversed"
    """It had succeeded or been accepted, and came back."""
    UNKNOWN = "unknown"
    """There is no trustworthy answer: a time-out, a reset, a 5xx. Neither success nor failure."""


class Doubt(StrEnum):
    """Why an answer is UNKNOWN, where that decides about the next key or asks for a person."""

    NONE = ""
    """A time-out, a reset, nonsense, a 409 or 429, a gateway's 502: the same key is used again."""
    FAILED_INSIDE = "failed_inside"
    """The provider itself answered 5xx. It may repeat that for as long as it remembers the key,
    whether or not it did the work."""
    REFUSED = "refused"
    """It said no, neither its code nor the payment tells why, and nothing is listed."""
    REFUSED_FOR_GOOD = "refused_for_good"
    """The same, and it says that it only repeats its first answer to this key."""
    NO_SUCH_PAYMENT = "no_such_payment"
    """It does not know the payment: another account, another mode, or no id of a payment."""
    NOT_LISTED = "not_listed"
    """It was asked so long ago that it may have forgotten the key, and it lists no such refund."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: Status
    provider_refund_id: str = ""
    reference: str = ""
    """The bank's reference, where there is one."""
    message: str = ""
    """For staff; it has at most a few hundred characters."""
    retry_after: timedelta | None = None
    doubt: Doubt = Doubt.NONE


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """A refund as the provider lists it under a payment, whoever asked for it."""

    provider_refund_id: str
    amount_minor: int
    currency: str
    """Upper case."""
    status: Status
    """ACCEPTED, SUCCEEDED, or REVERSED for one that failed; UNKNOWN for a new word"""
    refund_uuid: str = ""
    idempotency_key: str = ""
    reference: str = ""
    message: str = ""

    @property
    def is_live(self) -> bool:
        """It moves money, or may."""
        return self.status != Status.REVERSED


MOST_PAGES_MADE = 1000
"""A longer list of one time span is taken for one without an end."""


@dataclass(frozen=True, slots=True)
class MadeRefund:
    """A line of the provider's list of all refunds of a time, whoever asked for it."""

    provider_refund_id: str
    payment_refs: tuple[str, ...]
    """Each name that the provider has for its payment."""
    refund_uuid: str = ""


DisputeStatus = Literal["open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A bank dispute as its provider tells it when asked. Events only name the dispute."""

    payment_refs: frozenset[str]
    """All names of the one payment it is about."""
    status: DisputeStatus
    amount_minor: int | None
    """What a lost one took. None where the provider does not say so in the payment's currency."""

    @classmethod
    def read(
        cls, names: tuple[object, ...], status: DisputeStatus, amount: object, *, is_ours: bool
    ) -> Dispute:
        """`is_ours`: the amount is in the payment's currency."""
        if type(amount) is not int or amount < 0:
            raise ValueError("The answer names no amount.")
        refs = frozenset(filter(None, map(printable, names)))
        return cls(refs, status, amount if is_ours else None)


class Gateway(Protocol):
    """May be used by many threads at once."""

    is_remote: bool
    """Its calls go over the network and touch neither our database nor our cache, so they may
    be made in threads. Where this is False they are made one by one, in the calling thread."""

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        """Ask for the refund. Repeating it with the same key pays once. May raise: that is
        an UNKNOWN answer."""
        ...

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        """What became of this refund; None when the provider does not list it, and returned no
        more of the payment than it lists. UNKNOWN, or an exception, when it could not be asked."""
        ...

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        """Every refund of a payment, also those made without us. Raises rather than return
        a part of them: what is not in the list counts as not paid."""
        ...

    def refunds_made(self, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
        """Every refund made in this time, of whatever payment, a page at a time. Raises rather
        than leave one out."""
        ...

    def fetch_dispute(self, dispute_id: str, *, currency: str) -> Dispute | None:
        """What is so now of a dispute, for a payment in this currency; None for a question by the
        bank that takes no money. Raises when the provider answers not at all, or something
        else."""
        ...


# --- being paid -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid. Asked for again with the same words, it is the same order."""

    key: str
    """The provider keeps it as metadata."""
    title: str
    amount_minor: int
    currency: str
    email: str
    created_at: datetime
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Opened:
    provider_ref: str
    pay_url: str
    """The address of the provider's page. Empty where a form of ours leads there."""


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that came in and was captured."""

    provider_ref: str
    """The provider's name of the payment, by which it is refunded."""
    amount_minor: int
    currency: str
    """Upper case."""
    method: str
    """As in “Visa ending 4242”."""
    paid_at: datetime


class NotTaken(Exception):
    """The provider refuses this order for good. `str()` is for staff."""


class Orders(Protocol):
    """Where a follower pays: it sells one call. Every call may raise: then nobody knows, and it
    is asked again later."""

    def open(self, order: Order) -> Opened:
        """Make an order that can be paid. NotTaken when it never will be, as where the provider
        counts the currency otherwise (see `requirements`)."""
        ...

    def paid(self, provider_ref: str) -> list[Paid]:
        """What was captured for an order; what is only authorised is captured first."""
        ...

    def close(self, provider_ref: str) -> None:
        """Let nobody pay from now on, where the provider can do that."""
        ...


# --- what a list of refunds says about one of ours ------------------------------------------------


def find_in(listed: list[ListedRefund], request: RefundRequest) -> Answer | None:
    """None only when sending would not pay twice.

    The key names the try: after staff has retried a refund that came back, the old entry has
    our uuid under an older key and does not count. Unless it moves money after all.
    """
    same_key = [entry for entry in listed if entry.idempotency_key == request.idempotency_key]
    ours = [entry for entry in listed if entry.refund_uuid == request.refund_uuid]
    live = [entry for entry in [*same_key, *ours] if entry.is_live]
    for entry in [*live, *same_key]:
        return answer_of(entry, request)
    return None


def answer_of(entry: ListedRefund, request: RefundRequest, *, is_new: bool = False) -> Answer:
    """`is_new`: it answers the very request that made it, so a failure is a refusal."""
    if (entry.amount_minor, entry.currency) != (request.amount_minor, request.currency.upper()):
        return Answer(
            Status.UNKNOWN,
            message=f"The provider has {entry.provider_refund_id} over {entry.amount_minor} "
            f"{entry.currency} for this refund, not what was asked.",
        )
    is_refused = is_new and entry.status == Status.REVERSED
    return Answer(
        Status.DECLINED if is_refused else entry.status,
        provider_refund_id=entry.provider_refund_id,
        reference=entry.reference,
        message=entry.message[:400],
    )


def if_behind(listed: list[ListedRefund], returned_minor: int) -> Answer | None:
    """UNKNOWN when more of the payment went back than its list shows: what is not listed may
    have been paid all the same. `returned_minor` is what the payment itself says; failed refunds
    may be in it, so they count here, too."""
    shown = sum(entry.amount_minor for entry in listed)
    if returned_minor <= shown:
        return None
    said = f"Of this payment {returned_minor} went back, its list of refunds shows {shown}"
    return Answer(Status.UNKNOWN, message=f"{said}: the list is behind.")


def live_minor(listed: list[ListedRefund]) -> int:
    """Sum of all that went back, or is going back, by whomever."""
    return sum(entry.amount_minor for entry in listed if entry.is_live)


LONGEST_ID = 120


def printable(value: object) -> str:
    """An id as it may stand in a column; anything else names nothing."""
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        return ""
    return value if value.isprintable() and value.isascii() else ""
