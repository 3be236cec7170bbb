"""What an expert fills in before an action: how a call went, which times to offer, a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from bookings import rules
from bookings.formats import local
from bookings.forms.fields import (
    OUR_TIME,
    ActionForm,
    LocalDateTimeField,
    NoteField,
    ParagraphsField,
)
from bookings.lifecycle.offers import MAX_LISTED_SLOTS, latest_listed
from bookings.models import Booking, CompletionMark, Offer

Outcome = CompletionMark.Outcome
Channel = CompletionMark.Channel
LONG_AGO, FAR_AHEAD = (datetime(year, 1, 1, tzinfo=UTC) for year in OUR_TIME)
ELSEWHERE = [choice for choice in Channel.choices if choice[0] != Channel.PLANNED]


class BookingForm(ActionForm):
    """Asks about one booking, at one moment."""

    def __init__(self, *args: Any, booking: Booking, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.booking, self.now = booking, now


class CompletionForm(BookingForm):
    """How the call went, and on a reported booking where and when."""

    outcome = forms.ChoiceField(
        choices=Outcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how the call went."},
    )
    channel = forms.ChoiceField(choices=[("", "Choose"), *ELSEWHERE], required=False)
    minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=720,
        error_messages={
            "invalid": "Write the length in whole minutes.",
            "min_value": "The call took at least one minute.",
            "max_value": "Write the length in minutes, at most 720.",
        },
    )
    note = NoteField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        booking = self.booking
        self.planned = booking.starts_at.replace(second=0, microsecond=0)
        self.fields["held_at"] = LocalDateTimeField(
            zone=booking.expert.time_zone,
            near=booking.starts_at,
            required=False,
            initial=self.planned if booking.has_open_report else None,
            error_messages={"past": self._why_not(LONG_AGO), "too_far": self._why_not(FAR_AHEAD)},
        )
        self.order_fields(["outcome", "channel", "held_at", "minutes", "note"])

    def _why_not(self, held_at: datetime) -> str:
        no = rules.not_held_at(self.booking, held_at, now=self.now)
        return no.sentence if no else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        outcome = data.get("outcome")
        if outcome == Outcome.FOLLOWER_ABSENT:
            for name in ("channel", "held_at", "minutes"):
                self.errors.pop(name, None)
            return {**data, "channel": "", "held_at": None, "minutes": None}
        if outcome == Outcome.HELD_HERE:
            self.errors.pop("channel", None)
            data["channel"] = Channel.PLANNED
            if self.booking.has_open_report and "held_at" not in self.errors:
                data["held_at"] = data.get("held_at") or self.planned
        elif outcome == Outcome.HELD_ELSEWHERE and not data.get("channel"):
            self._require("channel", "Choose where the call took place.")
        if (held_at := data.get("held_at")) and self._reads_as_planned(held_at):
            data["held_at"] = self.planned
        self._check_time(data.get("held_at"), is_held=bool(outcome))
        return data

    def _reads_as_planned(self, held_at: datetime) -> bool:
        """Where the clocks go back a time comes twice: the planned one of the two is meant."""
        zone = self.booking.expert.time_zone
        return local(held_at, zone).replace(tzinfo=None) == local(self.planned, zone).replace(
            tzinfo=None
        )

    def _check_time(self, held_at: datetime | None, *, is_held: bool) -> None:
        if held_at is not None:
            if no := rules.not_held_at(self.booking, held_at, now=self.now):
                self.add_error("held_at", no.sentence)
        elif is_held and self.booking.has_open_report:
            self._require("held_at", "Say when the call took place.")

    def _require(self, name: str, sentence: str) -> None:
        if name not in self.errors:
            self.add_error(name, sentence)


NUMBERS = range(1, MAX_LISTED_SLOTS + 1)


class RescheduleForm(BookingForm):
    """Times from the availability, or those listed by hand."""

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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for number in NUMBERS:
            self.fields[f"slot_{number}"] = LocalDateTimeField(
                zone=self.booking.expert.time_zone,
                required=False,
                label=f"Time {number}",
                error_messages={"past": _past(number), "too_far": _too_far(number)},
            )

    def slots(self) -> list[forms.BoundField]:
        return [self[f"slot_{number}"] for number in NUMBERS]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("mode") != Offer.Mode.LISTED:
            for number in NUMBERS:
                self.errors.pop(f"slot_{number}", None)
            return {**data, "slots": []}
        return {**data, "slots": self._starts(data)}

    def _starts(self, data: dict[str, Any]) -> list[datetime]:
        starts: list[datetime] = []
        for number in NUMBERS:
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


TOO_LONG = {"max_length": "Shorten the reason to 500 characters."}


class RefundForm(BookingForm):
    reason = ParagraphsField(required=False, max_length=500, error_messages=TOO_LONG)


class CancelForm(BookingForm):
    reason = ParagraphsField(
        max_length=500, error_messages={"required": "Say why you cancel.", **TOO_LONG}
    )


class WithdrawForm(BookingForm):
    """Nothing to fill in."""
