"""What is filled in before an action on a booking. The expert says how a call went, which times to
offer, or a reason; staff always a reason, and sometimes an amount or a reference.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms

from bookings import formats, rules
from bookings.formats import local
from bookings.forms.fields import (
    OUR_TIME,
    ActionForm,
    LineField,
    LocalDateTimeField,
    NoteField,
    ParagraphsField,
)
from bookings.lifecycle.offers import MAX_LISTED_SLOTS, latest_listed
from bookings.models import Booking, CompletionMark, Contest, Offer

# --- by the expert --------------------------------------------------------------------------------

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
                self.add_error(f"slot_{number}", f"Time {number} is already in the list.")
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


# --- by staff -------------------------------------------------------------------------------------

NOT_AN_AMOUNT = "Write an amount such as 1500 or 1500.50."
AMOUNT = re.compile(r"-?(\d+|\d{1,3}(,\d{2,3})*,\d{3})(\.\d+)?", re.ASCII)
"""Commas only between groups, as in 1,00,000: to some 5,00 is five euros, not five hundred."""


def to_minor(text: str, currency: str) -> int:
    """1500.50 in a currency's minor units; ValidationError with a sentence for anything else."""
    precision = get_currency_precision(currency)
    text = text.replace(" ", "")
    if not AMOUNT.fullmatch(text):
        raise forms.ValidationError(NOT_AN_AMOUNT)
    try:
        amount = Decimal(text.replace(",", ""))
        minor = amount.scaleb(precision)
        is_whole = minor == minor.to_integral_value()
    except ArithmeticError as error:
        raise forms.ValidationError(NOT_AN_AMOUNT) from error
    if not amount.is_finite():
        raise forms.ValidationError(NOT_AN_AMOUNT)
    if not is_whole:
        places = f"{precision} decimals" if precision else "no decimals"
        raise forms.ValidationError(f"{currency} has {places}.")
    if not 0 < minor < 10**15:
        raise forms.ValidationError("The amount must be more than zero.")
    return int(minor)


class ReasonForm(forms.Form):
    """`request_key` makes a second click on the same form do nothing."""

    reason = ParagraphsField(
        max_length=1000,
        rows=4,
        label="Reason",
        help_text="Written down for good in the history of the booking.",
        error_messages={"required": "Give a reason."},
    )
    request_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, currency: str = "", elsewhere_minor: int = 0, **kwargs: Any
    ) -> None:
        """`currency` is that of the one booking acted on; empty for several. `elsewhere_minor`
        of its money has gone back without this site."""
        kwargs.setdefault("initial", {"request_key": secrets.token_urlsafe(16)})
        super().__init__(*args, **kwargs)
        self.currency, self.elsewhere_minor = currency, elsewhere_minor


class AmountForm(ReasonForm):
    """All of it, or a part: a part only for one booking at a time."""

    amount = forms.CharField(
        required=False,
        max_length=20,
        label="Amount",
        help_text="Leave empty to send back everything that is left.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    in_addition = forms.BooleanField(required=False)
    field_order = ("decision", "amount", "in_addition", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.currency:
            self.fields["amount"].label = f"Amount in {self.currency}"
        else:
            del self.fields["amount"]
        if self.currency and self.elsewhere_minor:
            gone = formats.money(self.elsewhere_minor, self.currency)
            self.fields["in_addition"].label = f"A part is in addition to {gone}"
            self.fields["in_addition"].help_text = (
                f"{gone} of this payment has gone back already, in the provider’s dashboard or "
                "before this site was restored from a backup. Look whether it is what you are "
                "about to refund."
            )
        else:
            del self.fields["in_addition"]

    def clean_amount(self) -> int | None:
        text = self.cleaned_data["amount"].strip()
        return to_minor(text, self.currency) if text else None


class DecideForm(AmountForm):
    decision = forms.ChoiceField(
        choices=[
            (Contest.Decision.COMPLETED, "The call took place: it stays completed"),
            (Contest.Decision.REFUNDED, "The follower is right: refund"),
        ],
        widget=forms.RadioSelect,
        label="Decision",
        error_messages={"required": "Choose a decision."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "Both sides get these words by e-mail."

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("decision") == Contest.Decision.COMPLETED and data.get("amount"):
            self.add_error("amount", "An amount only goes with a refund.")
        return data


class PaidByHandForm(ReasonForm):
    reference = LineField(
        max_length=120,
        label="Reference of the bank transfer",
        error_messages={"required": "Give the reference of the bank transfer."},
    )
    field_order = ("reference", "reason")
