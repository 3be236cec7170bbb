"""The port to a payment provider: what we ask, what it may answer.

An adapter has two calls. It never decides anything about a booking and never touches our tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """One refund, asked for with the same words and the same key every time."""

    idempotency_key: str
    refund_uuid: str
    """kept by the provider as metadata, so that the refund is found again without its id"""
    payment_ref: str
    amount_minor: int
    currency: str
    booking_code: str


class Status(StrEnum):
    ACCEPTED = "accepted"
    """the provider has it; the bank does not yet"""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    """a definite no; no money moved"""
    REVERSED = "reversed"
    """succeeded or accepted before, and came back"""
    UNKNOWN = "unknown"
    """no trustworthy answer: a time-out, a reset, a 5xx. Neither success nor failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: Status
    provider_refund_id: str = ""
    reference: str = ""
    """the bank's reference, when there is one"""
    message: str = ""
    """for staff, at most a few hundred characters"""
    retry_after: timedelta | None = None


class Gateway(Protocol):
    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        """Ask for the refund. Repeating it with the same key pays once. May raise: that is
        an UNKNOWN answer."""
        ...

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        """What became of the refund with this uuid; None when the provider has none. May raise."""
        ...
