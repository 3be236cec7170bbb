"""Users, experts with their services and hours, followers."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from bookings.admin.base import NONE, KeptAdmin
from bookings.formats import local
from bookings.forms.availability import problem_with
from bookings.forms.text import LineField
from bookings.forms.zones import zone_choices
from bookings.gateways import selling_with, why_not
from bookings.models import Expert, Follower, Service, User, WeeklyHours
from bookings.presenters.availability import override_rows


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
            if problem := problem_with(spells):
                day = WeeklyHours(weekday=weekday).get_weekday_display()
                raise forms.ValidationError(f"{day}: {problem}")

    def _counts(self, form: forms.ModelForm[Any]) -> bool:
        data = getattr(form, "cleaned_data", None) or {}
        times = (data.get("starts_local"), data.get("ends_local"))
        return not data.get("DELETE") and None not in times and "weekday" in data


class ExpertsRows(admin.TabularInline[Any, Expert]):
    """A plain table with two empty lines at its end; every control has a name of its own."""

    template = "admin/bookings/editable_rows.html"
    extra = 2

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = str(field.label).capitalize()
        return field


class WeeklyHoursRows(ExpertsRows):
    model = WeeklyHours
    formset = WeekFormSet


class ServiceForm(forms.ModelForm[Service]):
    def clean(self) -> dict[str, Any]:
        """A call that nobody could pay for is not put on sale."""
        data = super().clean() or self.cleaned_data
        price, currency = data.get("price_minor"), data.get("currency")
        if price and currency and data.get("is_active"):
            refusals = [why_not(way, price, currency) for way in selling_with()]
            if refusals and all(refusals):
                self.add_error("currency", " ".join(refusals))
        return data


class ServiceRows(ExpertsRows):
    """A service that is not sold any more is switched off: bookings point to it."""

    model = Service
    form = ServiceForm
    can_delete = False


class PersonForm(forms.ModelForm[Any]):
    name = LineField(max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "time_zone" in self.fields:
            current = self.initial.get("time_zone") or "UTC"
            self.fields["time_zone"] = forms.ChoiceField(
                choices=zone_choices(current=current, now=timezone.now())
            )


@admin.register(Expert)
class ExpertAdmin(KeptAdmin[Expert]):
    form = PersonForm
    list_display = ("name", "user", "time_zone", "window_days")
    list_select_related = ("user",)
    search_fields = ("name", "user__email")
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("user",)
    inlines = (ServiceRows, WeeklyHoursRows)
    readonly_fields = ("dates",)
    fieldsets = (
        (None, {"fields": ("user", "name", "slug", "time_zone", "clock", "has_shortcuts",
                           "step_minutes", "buffer_minutes", "min_notice_minutes",
                           "window_days")}),
        ("Dates with hours of their own", {"fields": ("dates",), "classes": ("collapse",)}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Expert | None = None) -> Any:
        """Whose cases these are stays: nobody decides their own by handing them on for a while."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "user")

    @admin.display(description="from today on")
    def dates(self, row: Expert) -> str:
        """To read only: of 300 there would be more fields than a form may send."""
        rows = override_rows(row, today=local(timezone.now(), row.time_zone).date())
        lines = format_html_join("", "<li>{}: {}</li>", ((date.day, date.hours) for date in rows))
        return format_html("<ul>{}</ul>", lines) if lines else NONE


@admin.register(Follower)
class FollowerAdmin(KeptAdmin[Follower]):
    form = PersonForm
    list_display = ("name", "email", "time_zone")
    search_fields = ("name", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(User)
class UserAdmin(BaseUserAdmin[User], KeptAdmin[User]):
    add_form = AdminUserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups",
                               "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )  # fmt: skip
    add_fieldsets = (
        (None, {"classes": ("wide",),
                "fields": ("email", "usable_password", "password1", "password2")}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody gives themselves rights they do not have."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Else staff could set the password of others with more rights and sign in as them."""
        is_other_staff = obj is not None and obj.is_staff and obj != request.user
        is_above = obj is not None and (obj.is_superuser or is_other_staff)
        if is_above and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)
