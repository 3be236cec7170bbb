"""Forms that ask for a reason, or only for a pressed button."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings.forms.fields import ActionForm
from bookings.forms.text import ParagraphsField
from bookings.models import Booking

TOO_LONG = {"max_length": "Shorten the reason to 500 characters."}


class BookingForm(ActionForm):
    """Takes what every dialog form takes."""

    def __init__(self, *args: Any, booking: Booking, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)


class RefundForm(BookingForm):
    reason = ParagraphsField(required=False, max_length=500, error_messages=TOO_LONG)


class CancelForm(BookingForm):
    reason = ParagraphsField(
        max_length=500, error_messages={"required": "Say why you cancel.", **TOO_LONG}
    )


class WithdrawForm(BookingForm):
    """Nothing to fill in."""
