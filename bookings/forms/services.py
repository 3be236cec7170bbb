"""What an expert sells: one form, for the expert's own page and for staff."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from babel.core import Locale, get_global
from babel.numbers import get_territory_currencies, list_currencies
from django import forms

from bookings.formats import read_money, typed_money
from bookings.forms.fields import LineField, Styled
from bookings.gateways import is_counted_alike, selling_with, why_not
from bookings.models import Expert, Service

NOT_AN_AMOUNT = "Write the price as an amount, such as 25.00, or 0 for a free call."
SMALLEST_PRICE = 50
"""Minor units. Less than that is what a payment costs, and providers refuse it."""
TAKEN = "There is a service with this title already."


class PricedForm(forms.ModelForm[Service]):
    """Money is typed as money. Price and currency are checked together: an amount has as many
    decimals as its currency."""

    price = forms.CharField(
        max_length=30,
        help_text="Such as 25.00. Write 0 if it is free.",
        error_messages={"required": NOT_AN_AMOUNT},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service = self.instance
        if service.pk:
            shown = typed_money(service.price_minor, service.currency)
            self.initial.setdefault("price", shown)

    def clean_title(self) -> str:
        """The database knows no two of one expert."""
        title = str(self.cleaned_data["title"])
        others = Service.objects.filter(expert_id=self.instance.expert_id)
        if others.filter(title=title).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(TAKEN)
        return title

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Write a currency by its three letters, such as EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        """A call that nobody could pay for is not put on sale."""
        data = super().clean() or self.cleaned_data
        service = self.instance
        currency = data.get("currency") or service.currency
        if data.get("price") is not None and data.get("currency"):
            self._read_price(data["price"], currency)
        if service.price_minor and data.get("is_active", service.is_active) and not self.errors:
            refusals = [why_not(way, service.price_minor, currency) for way in selling_with()]
            if refusals and all(refusals):
                self.add_error("currency", " ".join(refusals))
        return data

    def _read_price(self, typed: str, currency: str) -> None:
        minor = read_money(typed, currency)
        if minor is None:
            self.add_error("price", NOT_AN_AMOUNT)
        elif 0 < minor < SMALLEST_PRICE:
            least = typed_money(SMALLEST_PRICE, currency)
            self.add_error("price", f"Write at least {least}, or 0 for a free call.")
        else:
            self.instance.price_minor = minor


class ServiceForm(Styled, PricedForm):
    """The expert's own. A change is for calls that are bought from now on."""

    title = LineField(
        max_length=120,
        help_text="What the call is about, such as Portfolio review.",
        error_messages={"required": "Write a title."},
    )
    duration_minutes = forms.IntegerField(
        label="Length in minutes",
        min_value=5,
        max_value=480,
        error_messages={"required": "Write how many minutes the call lasts."},
    )
    currency = forms.ChoiceField(
        label="Currency",
        help_text="What buyers pay in.",
        error_messages={
            "required": "Choose the currency.",
            "invalid_choice": "Choose a currency from the list.",
        },
    )
    place = LineField(
        label="Where the call takes place",
        required=False,
        max_length=300,
        help_text="A meeting link, a telephone number, or a place. Buyers see it once they have "
        "booked. If it is left empty, you have to tell each buyer yourself.",
    )
    is_active = forms.BooleanField(
        label="Shown on your public page",
        required=False,
        help_text="If it is hidden, nobody can book it. Calls that are already booked take place.",
    )

    class Meta:
        model = Service
        fields: ClassVar[tuple[str, ...]] = (
            "title", "duration_minutes", "currency", "place", "is_active",
        )  # fmt: skip

    field_order = ("title", "duration_minutes", "price", "currency", "place", "is_active")

    def __init__(self, *args: Any, expert: Expert, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.expert = expert
        offered = currencies()
        if not self.instance.pk:
            usual: dict[str, Any] = {"currency": usual_currency(expert), "duration_minutes": 30}
            for name, value in usual.items():
                self.initial[name] = self.initial.get(name) or value
        elif self.instance.currency not in [code for code, _ in offered]:
            offered = [(self.instance.currency, self.instance.currency), *offered]
        self.fields["currency"].choices = offered  # type: ignore[attr-defined]


def currencies() -> list[tuple[str, str]]:
    """Those that somebody can pay in here, by name."""
    return _currencies(tuple(selling_with()))


@lru_cache(maxsize=8)
def _currencies(ways: tuple[str, ...]) -> list[tuple[str, str]]:
    names = Locale("en").currencies
    used = {
        currency
        for territory in get_global("territory_currencies")
        for currency in get_territory_currencies(territory)
    }
    can_be_paid = [
        currency
        for currency in used
        if not ways or any(is_counted_alike(way, currency) for way in ways)
    ]
    return sorted(
        ((currency, f"{names[currency]} ({currency})") for currency in can_be_paid),
        key=lambda choice: choice[1],
    )


def usual_currency(expert: Expert) -> str:
    """The one they sold in last, or that of the country of their time zone."""
    last = Service.objects.of_expert(expert).order_by("-pk").values_list("currency", flat=True)
    offered = dict(currencies())
    if last and last[0] in offered:
        return str(last[0])
    territory = get_global("zone_territories").get(expert.time_zone, "")
    of_country = get_territory_currencies(territory) if territory else []
    return next((one for one in of_country if one in offered), "USD")
