"""What staff fills in before an action: always a reason, sometimes an amount or a reference."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms

from bookings import formats
from bookings.forms.fields import LineField, ParagraphsField
from bookings.models import Contest

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
