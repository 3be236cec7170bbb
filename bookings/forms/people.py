"""Staff's forms for experts, their services and hours, and for followers."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from babel.numbers import list_currencies
from django import forms
from django.forms import BaseInlineFormSet

from bookings import database_time
from bookings.forms.availability import problem_with
from bookings.forms.text import NameField
from bookings.forms.zones import zone_choices
from bookings.gateways import selling_with, why_not
from bookings.models import Clock, Service, WeeklyHours


class PersonForm(forms.ModelForm[Any]):
    name = NameField(max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "time_zone" in self.fields:
            current = self.initial.get("time_zone") or "UTC"
            self.fields["time_zone"] = forms.ChoiceField(
                choices=zone_choices(current=current, now=database_time.now())
            )


class ExpertForm(PersonForm):
    """Within the limits of the form that experts have themselves: free times are worked out for
    all the days ahead, in these steps."""

    step_minutes = forms.IntegerField(
        label="Minutes between possible starts", min_value=5, max_value=240
    )
    buffer_minutes = forms.IntegerField(
        label="Minutes kept free after a call", min_value=0, max_value=240
    )
    min_notice_minutes = forms.IntegerField(
        label="Minimum notice in minutes", min_value=0, max_value=30 * 24 * 60
    )
    window_days = forms.IntegerField(
        label="Days ahead that can be booked", min_value=1, max_value=365
    )


class ServiceForm(forms.ModelForm[Service]):
    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Write a currency by its three letters, such as EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        """A call that nobody could pay for is not put on sale."""
        data = super().clean() or self.cleaned_data
        price, currency = data.get("price_minor"), data.get("currency")
        if price and currency and data.get("is_active"):
            refusals = [why_not(way, price, currency) for way in selling_with()]
            if refusals and all(refusals):
                self.add_error("currency", " ".join(refusals))
        return data


class WeekFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Hours of one day must not overlap, here as on the expert's own page."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = "Delete this line"

    def clean(self) -> None:
        rows = [form.cleaned_data for form in self.forms if self._counts(form)]
        rows.sort(key=lambda row: (row["weekday"], row["starts_local"]))
        for weekday, of_day in groupby(rows, key=lambda row: row["weekday"]):
            spells = [(row["starts_local"], row["ends_local"]) for row in of_day]
            if problem := problem_with(spells, Clock.TWENTY_FOUR):
                day = WeeklyHours(weekday=weekday).get_weekday_display()
                raise forms.ValidationError(f"{day}: {problem}")

    def _counts(self, form: forms.ModelForm[Any]) -> bool:
        data = getattr(form, "cleaned_data", None) or {}
        times = (data.get("starts_local"), data.get("ends_local"))
        return not data.get("DELETE") and None not in times and "weekday" in data
