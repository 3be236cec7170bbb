"""The port to a payment provider: what we ask, what it may answer.

An adapter has four calls. It never decides anything about a booking and never touches our tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


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
