"""Hundreds of refunds that are due, written at once: copies of one that the verbs have made."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.db.models import Model

from bookings.models.booking import new_code
from tests.engine import refund_of
from tests.provider.running import Provider

Row = TypeVar("Row", bound=Model)


def many_due(provider: Provider, count: int, amount: int = 240000) -> list[int]:
    """Each of a booking and a payment of its own; the ids of all, with the pattern's."""
    first = refund_of(provider, amount)
    payment = {"provider": provider.name, "amount": amount, "currency": "INR"}
    refs = provider.tell(payments=[payment] * (count - 1))["payments"]
    bookings = _copies(first.booking, [{"code": new_code()} for _ in refs])
    payments = _copies(
        first.payment,
        [{"booking": b, "provider_ref": ref} for b, ref in zip(bookings, refs, strict=True)],
    )
    events = _copies(first.event, [{"booking": booking} for booking in bookings])
    copies = []
    for booking, payment_, event in zip(bookings, payments, events, strict=True):
        name = uuid.uuid4()
        request = first.request | {
            "payment_ref": payment_.provider_ref,
            "booking_code": booking.code,
            "refund_uuid": str(name),
        }
        copies.append(
            {
                "uuid": name,
                "booking": booking,
                "payment": payment_,
                "event": event,
                "request": request,
            }
        )
    return [first.pk, *(refund.pk for refund in _copies(first, copies))]


def _copies(pattern: Row, differences: list[dict[str, Any]]) -> list[Row]:
    kept = {
        field.attname: getattr(pattern, field.attname)
        for field in pattern._meta.concrete_fields
        if not field.primary_key
    }
    rows = []
    for changes in differences:
        row = type(pattern)(**kept)
        for name, value in changes.items():
            setattr(row, name, value)
        rows.append(row)
    return type(pattern)._default_manager.bulk_create(rows)
