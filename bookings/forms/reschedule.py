"""Offering a new time: from the availability, or from times listed by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from bookings.forms.fields import ActionForm, LocalDateTimeField
from bookings.forms.text import NoteField
from bookings.lifecycle.offers import MAX_LISTED_SLOTS, latest_listed
from bookings.models import Booking, Offer


class RescheduleForm(ActionForm):
    mode = forms.ChoiceField(
        choices=Offer.Mode.choices,
        initial=Offer.Mode.AVAILABILITY,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose which times to offer.",
            "invalid_choice": "Choose which times to offer.",
        },
    )
    note = NoteField()

    def __init__(self, *args: Any, booking: Booking, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.booking, self.now = booking, now
        for number in range(1, MAX_LISTED_SLOTS + 1):
            self.fields[f"slot_{number}"] = LocalDateTimeField(
                zone=booking.expert.time_zone,
                required=False,
                label=f"Time {number}",
                error_messages={"past": _past(number), "too_far": _too_far(number)},
            )

    def slots(self) -> list[forms.BoundField]:
        return [self[f"slot_{number}"] for number in range(1, MAX_LISTED_SLOTS + 1)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("mode") != Offer.Mode.LISTED:
            for number in range(1, MAX_LISTED_SLOTS + 1):
                self.errors.pop(f"slot_{number}", None)
            return {**data, "starts": []}
        return {**data, "starts": self._starts(data)}

    def _starts(self, data: dict[str, Any]) -> list[datetime]:
        starts: list[datetime] = []
        for number in range(1, MAX_LISTED_SLOTS + 1):
            start = data.get(f"slot_{number}")
            if start is None:
                continue
            if start <= self.now:
                self.add_error(f"slot_{number}", _past(number))
            elif start > latest_listed(self.now):
                self.add_error(f"slot_{number}", _too_far(number))
            elif start in starts:
                self.add_error(f"slot_{number}", f"Time {number} is in the list already.")
            else:
                starts.append(start)
        least = self.booking.limits.min_offer_slots
        if not self.errors and len(starts) < least:
            self.add_error("slot_1", f"Add at least {least} free times before you send the link.")
        return starts


def _past(number: int) -> str:
    return f"Time {number} is in the past."


def _too_far(number: int) -> str:
    return f"Time {number} is too far ahead. Suggest times within the next year."


class BulkRescheduleForm(ActionForm):
    """One note for several followers; each gets the expert's own availability."""

    note = NoteField()
