"""What a row of a list shows besides the booking: further columns, put onto the booking.

`last_change`, `last_refund`, `report_reason` and `report_text` are attributes that a booking has
only here; of its payment the amounts are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bookings.lists.instances import made
from bookings.models import Booking, Payment


@dataclass(frozen=True, slots=True)
class Extra:
    columns: tuple[str, ...]
    joins: str
    attach: Callable[[Booking, Sequence[Any]], None]
    """Attaches the values of the columns to the booking."""


_PAYMENT: Any = Booking._meta.get_field("payment")
_AMOUNTS = ("id", "captured_minor", "reserved_minor", "returned_external_minor")


def _attach_report(booking: Booking, values: Sequence[Any]) -> None:
    *amounts, reason, text = values
    is_paid = amounts[0] is not None
    payment = made(Payment, dict(zip(_AMOUNTS, amounts, strict=True))) if is_paid else None
    _PAYMENT.set_cached_value(booking, payment)
    booking.report_reason, booking.report_text = reason, text  # type: ignore[attr-defined]


def _attach_history(booking: Booking, values: Sequence[Any]) -> None:
    verb, actor_kind, data, refund_state, hold_reason = values
    if verb:
        facts = json.loads(data)
        booking.last_change = {  # type: ignore[attr-defined]
            "verb": verb,
            "actor_kind": actor_kind,
            "outcome": facts.get("outcome"),
            "channel": facts.get("channel"),
        }
    if refund_state:
        refund = {"state": refund_state, "hold_reason": hold_reason}
        booking.last_refund = refund  # type: ignore[attr-defined]


REPORT = Extra(
    (*(f"p.{name}" for name in _AMOUNTS), "n.reason", "n.text"),
    """LEFT JOIN bookings_payment p ON p.booking_id = b.id
    LEFT JOIN bookings_noshowreport n ON n.booking_id = b.id AND n.outcome = 'open'""",
    _attach_report,
)
"""The money at stake, and the words of the open report."""
HISTORY = Extra(
    ("e.verb", "e.actor_kind", "e.data", "r.state", "r.hold_reason"),
    """LEFT JOIN bookings_timelineevent e ON e.id =
        CASE WHEN b.state IN ('completed', 'refunded', 'cancelled') THEN (
            SELECT max(id) FROM bookings_timelineevent
            WHERE booking_id = b.id AND to_state <> '') END
    LEFT JOIN bookings_refund r ON r.id =
        CASE WHEN b.state IN ('refunded', 'cancelled') THEN (
            SELECT max(id) FROM bookings_refund
            WHERE booking_id = b.id AND state <> 'void') END""",
    _attach_history,
)
"""The last change of state and the latest refund, for the second line of the label."""
