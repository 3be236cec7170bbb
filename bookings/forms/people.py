"""Staff's forms for experts, their services and hours, and for followers."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from babel.numbers import list_currencies
from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.forms import BaseInlineFormSet

from bookings import addresses, database_time, emails, tasks, zones
from bookings.forms.availability import problem_with
from bookings.forms.text import NameField, ParagraphsField
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.gateways import selling_with, why_not
from bookings.models import Clock, Expert, Service, User, WeeklyHours

WHY = "Mailed to the address the account has now, and kept in the history."


class PersonForm(forms.ModelForm[Any]):
    name = NameField(max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "time_zone" in self.fields:
            given = self.initial.get("time_zone") or ""
            current = given if zones.is_known(given) else "UTC"
            self.fields["time_zone"] = forms.ChoiceField(
                choices=zone_choices(current=current, now=database_time.now()),
                initial=current,
                widget=ZoneSelect,
            )


def _number(name: str, label: str, *, low: int, high: int) -> forms.IntegerField:
    """Within limits, and filled in with what an expert begins with."""
    usual = getattr(Expert(), name)
    return forms.IntegerField(label=label, min_value=low, max_value=high, initial=usual)


class ExpertForm(PersonForm):
    """Within the limits of the form that experts have themselves: free times are worked out for
    all the days ahead, in these steps."""

    step_minutes = _number("step_minutes", "Minutes between possible starts", low=5, high=240)
    buffer_minutes = _number("buffer_minutes", "Minutes kept free after a call", low=0, high=240)
    min_notice_minutes = _number(
        "min_notice_minutes", "Minimum notice in minutes", low=0, high=30 * 24 * 60
    )
    window_days = _number("window_days", "Days ahead that can be booked", low=1, high=365)

    class Meta:
        labels: ClassVar[dict[str, str]] = {"slug": "Public address"}
        help_texts: ClassVar[dict[str, str]] = {
            "slug": "The last part of the address of the public page, as in /with/maya-fernandes/.",
        }


class HoursForm(forms.ModelForm[WeeklyHours]):
    """Wall times of the expert: the browser's own field for them, which knows no zone."""

    class Meta:
        labels: ClassVar[dict[str, str]] = {"starts_local": "Starts", "ends_local": "Ends"}
        widgets: ClassVar[dict[str, Any]] = {
            name: forms.TimeInput(format="%H:%M", attrs={"type": "time"})
            for name in ("starts_local", "ends_local")
        }


class UserForm(UserChangeForm[User]):
    """A new address gets everything that goes to its owner, also the link for a new password."""

    reason = ParagraphsField(
        required=False,
        max_length=500,
        rows=2,
        label="Reason for a new address",
        help_text=WHY,
    )

    def clean_email(self) -> str:
        return addresses.identity(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.has_new_address and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", "Say why the address changes: its owner is told.")
        return data

    @property
    def has_new_address(self) -> bool:
        new = self.cleaned_data.get("email")
        return new is not None and new != addresses.identity(str(self.initial.get("email", "")))

    def tell_old_address(self) -> None:
        user, old = self.instance, str(self.initial["email"])
        _tell("address_changed_by_staff", user, self.cleaned_data, to=old, new=user.email)


class NewPasswordForm(AdminPasswordChangeForm[User]):
    """Set by staff, for somebody else."""

    reason = ParagraphsField(
        max_length=500,
        rows=2,
        label="Reason",
        help_text=WHY,
        error_messages={"required": "Say why the password changes: its owner is told."},
    )

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        is_off = not user.has_usable_password()
        _tell("password_changed_by_staff", user, self.cleaned_data, to=user.email, is_off=is_off)
        return user


def _tell(kind: str, user: User, data: dict[str, Any], **facts: Any) -> None:
    """The owner of an account, of what staff has changed about it."""
    now = database_time.now()
    known = {"user": user.pk, "reason": data["reason"], **facts}
    email = emails.queue(kind, now=now, dedupe=f"{user.pk}:{now.isoformat()}", facts=known)
    tasks.wake_for(email)


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
