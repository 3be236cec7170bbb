"""Where a follower pays: the second port to a provider. It sells one call and knows no tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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
    """Every call may raise: then nobody knows, and it is asked again later."""

    def open(self, order: Order) -> Opened:
        """Make an order that can be paid. NotTaken when it never will be, as where the provider
        counts the currency otherwise (see `currencies`)."""
        ...

    def paid(self, provider_ref: str) -> list[Paid]:
        """What was captured for an order; what is only authorised is captured first."""
        ...

    def close(self, provider_ref: str) -> None:
        """Let nobody pay from now on, where the provider can do that."""
        ...
