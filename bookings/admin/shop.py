"""Experts with their services and hours."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from bookings import database_time, formats, shop
from bookings.admin.base import CLEANED, NONE, KeptAdmin
from bookings.admin.people import OnlyChanges, PersonForm, ReasonField, tell
from bookings.admin.privacy import PersonDataAdmin
from bookings.forms.availability import MOST_DAYS_AHEAD, override_rows, problem_with
from bookings.forms.fields import LineField, ParagraphsField
from bookings.forms.shop import SOMEBODY_ELSES, PricedForm, QuestionedForm
from bookings.models import Clock, Expert, Service, User, WeeklyHours, longest

MAILED = "It is mailed to the expert, with the old and the new price."


def _number(name: str, label: str, *, low: int, high: int) -> forms.IntegerField:
    """A number within limits, filled in with the default of the model."""
    usual = getattr(Expert(), name)
    return forms.IntegerField(label=label, min_value=low, max_value=high, initial=usual)


class ExpertForm(PersonForm):
    """The numbers have limits, because free times are worked out for all the days ahead, in these
    steps."""

    headline = LineField(required=False, max_length=longest(Expert, "headline"))
    about = ParagraphsField(required=False, max_length=longest(Expert, "about"), rows=6)
    reason = ReasonField(label="Reason for a new price", help_text=MAILED, required=False)

    step_minutes = _number("step_minutes", "Minutes between possible starts", low=5, high=240)
    buffer_minutes = _number("buffer_minutes", "Minutes kept free after a call", low=0, high=240)
    min_notice_minutes = _number(
        "min_notice_minutes", "Minimum notice in minutes", low=0, high=30 * 24 * 60
    )
    window_days = _number(
        "window_days", "Days ahead that can be booked", low=1, high=MOST_DAYS_AHEAD
    )

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if not shop.is_address_free(slug, expert=self.instance if self.instance.pk else None):
            raise forms.ValidationError(SOMEBODY_ELSES)
        return slug

    class Meta:
        labels: ClassVar[dict[str, str]] = {"slug": "Public address"}
        help_texts: ClassVar[dict[str, str]] = {
            "slug": "The last part of the address of the public page, as in /with/maya-fernandes/.",
        }


class HoursForm(forms.ModelForm[WeeklyHours]):
    """Wall times of the expert, in the browser's field for times, which has no zone."""

    class Meta:
        labels: ClassVar[dict[str, str]] = {"starts_local": "Starts", "ends_local": "Ends"}
        widgets: ClassVar[dict[str, Any]] = {
            name: forms.TimeInput(format="%H:%M", attrs={"type": "time"})
            for name in ("starts_local", "ends_local")
        }


class WeekFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Hours of one day must not overlap, here as on the expert's own page."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = "Delete this line"

    def clean(self) -> None:
        if any("id" in form.errors for form in self.forms):
            raise forms.ValidationError(
                "The expert has changed these hours since you opened the page, so nothing was "
                "saved. Open the page again."
            )
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


# --- pages ----------------------------------------------------------------------------------------


class ExpertsRows(admin.TabularInline[Any, Expert]):
    """A plain table that ends with two empty rows. Each control has its own accessible name."""

    template = "admin/bookings/editable_rows.html"
    formfield_overrides = CLEANED
    extra = 2

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = str(field.label).capitalize()
        return field


class WeeklyHoursRows(ExpertsRows):
    model = WeeklyHours
    form = HoursForm
    is_in_the_experts_zone = True
    formset = WeekFormSet


class ServiceRowForm(OnlyChanges, PricedForm):
    together = frozenset({"price", "currency"})  # an amount is read by its currency

    @property
    def price_change(self) -> tuple[str, str] | None:
        """The title with the old and the new price; None while the price stays the same."""
        if "price" not in self.initial or not {"price", "currency"} & set(self.changed_data):
            return None
        before, after = self._prices()
        return (str(self["title"].value()), f"{before} → {after}") if before != after else None

    def _prices(self) -> tuple[str, str]:
        service = self.instance  # has the new price already
        now = formats.typed_money(service.price_minor, service.currency)
        before = f"{self.initial['price']} {self.initial['currency']}"
        return before, f"{now} {service.currency}"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        price = self.fields["price"]
        price.label, price.help_text = "Price, as 25.00", ""  # the table has no room for a hint
        price.widget.attrs["aria-label"] = "Price"


class ServiceFormSet(BaseInlineFormSet[Any, Any, Any]):
    def clean(self) -> None:
        titles = [form.cleaned_data.get("title") for form in self.forms if form.has_changed()]
        named = [title for title in titles if title]
        if len(named) > len(set(named)):
            raise forms.ValidationError("Two services have the same title.")
        if self.price_changes and not self.data.get("reason", "").strip():
            raise forms.ValidationError(
                "Give the reason for the new price at the top of the page: we send it to the "
                "expert."
            )

    @property
    def price_changes(self) -> list[tuple[str, str]]:
        return [change for form in self.forms if (change := form.price_change)]


class ServiceRows(ExpertsRows):
    """A service that is no longer sold is hidden, not deleted: bookings refer to it."""

    show_change_link = True

    model = Service
    form = ServiceRowForm
    formset = ServiceFormSet
    fields = (
        "title", "duration_minutes", "price", "currency", "place_kind", "place", "is_active",
    )  # fmt: skip
    can_delete = False

    @admin.display(description="price")
    def price(self, row: Service) -> str:
        """For staff who may only look, who get no form."""
        return formats.price(row.price_minor, row.currency)


@admin.register(Expert)
class ExpertAdmin(PersonDataAdmin[Expert]):
    form = ExpertForm
    list_display = ("name", "user", "time_zone", "window_days")
    list_select_related = ("user",)
    search_fields = ("name", "user__email")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (ServiceRows, WeeklyHoursRows)
    readonly_fields = ("dates",)
    fieldsets = (
        (None, {"fields": ("user", "name", "slug", "time_zone", "clock", "has_shortcuts",
                           "step_minutes", "buffer_minutes", "min_notice_minutes",
                           "window_days")}),
        ("Public page", {"fields": ("headline", "about", "is_paused", "reason")}),
        ("Dates with hours of their own", {"fields": ("dates",), "classes": ("collapse",)}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Expert | None = None) -> Any:
        """The page on which an expert is added asks only for the necessary. Staff who may only look
        are not asked for a reason."""
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return found[:1]
        if self.has_change_permission(request, obj):
            return found
        page = (found[1][0], {"fields": ("headline", "about", "is_paused")})
        return (found[0], page, *found[2:])

    def save_model(self, request: HttpRequest, obj: Expert, form: Any, change: bool) -> None:
        """The earlier public address keeps leading to the expert."""
        slug, before = obj.slug, form.initial.get("slug", "")
        if change and "slug" in form.changed_data:
            obj.slug = before
        super().save_model(request, obj, form, change)
        if change:
            shop.change_address(obj, slug)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        changes = getattr(formset, "price_changes", [])
        if changes:
            user = form.instance.user
            tell("prices_changed_by_staff", user, form.cleaned_data, to=user.email, prices=changes)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A list, which works without scripts. It is short: only experts and staff are users."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(expert=None, is_active=True).order_by("email")
            kwargs["empty_label"] = "Choose a user"
            kwargs["help_text"] = (
                "The account they sign in with. Users who are experts already are not listed."
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Expert | None = None) -> Any:
        """An expert stays with their account. Otherwise staff could move their own to somebody else
        for a while, and decide their own cases."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "user")

    @admin.display(description="from today on")
    def dates(self, row: Expert) -> str:
        """Read only: 300 dates would have more fields than a form may send."""
        today = formats.local(database_time.now(), row.time_zone).date()
        rows = override_rows(row, today=today, clock=Clock.TWENTY_FOUR)
        lines = format_html_join(
            "", "<li>{}: {}</li>", ((date["day"], date["hours"]) for date in rows)
        )
        return format_html("<ul>{}</ul>", lines) if lines else NONE


class ServicePageForm(QuestionedForm, ServiceRowForm):
    description = ParagraphsField(
        required=False, max_length=longest(Service, "description"), rows=4
    )
    reason = ReasonField(label="Reason for a new price", help_text=MAILED, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.price_change and not data.get("reason"):
            self.add_error("reason", "Give the reason for the new price: we send it to the expert.")
        return data


@admin.register(Service)
class ServiceAdmin(KeptAdmin[Service]):
    """One service with its description and questions, for which the table on the expert's page has
    no room."""

    form = ServicePageForm
    list_display = ("title", "expert", "duration_minutes", "price", "place_kind", "is_active")
    list_select_related = ("expert",)
    list_filter = ("is_active", "place_kind")
    search_fields = ("title", "expert__name")
    fieldsets = (
        (None, {"fields": ("title", "description", "duration_minutes", "price", "currency",
                           "reason", "place_kind", "place", "is_active")}),
        ("Questions to the buyer", {"fields": (
            ("question_0", "is_required_0"), ("question_1", "is_required_1"),
            ("question_2", "is_required_2"),
        )}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Service | None = None) -> Any:
        """Staff who may only look are not asked for a reason, and read the questions as text."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        shown = tuple(name for name in found[0][1]["fields"] if name != "reason")
        return ((None, {"fields": (*shown, "asked")}),)

    @admin.display(description="questions to the buyer")
    def asked(self, row: Service) -> str:
        written = (
            f"{question.text}{' (must be answered)' if question.is_required else ''}"
            for question in row.asked
        )
        return format_html_join("", "<p>{}</p>", ((line,) for line in written)) or NONE

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Services are added on the page of their expert."""
        return False

    @admin.display(description="price", ordering="price_minor")
    def price(self, row: Service) -> str:
        return formats.price(row.price_minor, row.currency)

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.price_change:
            user, prices = obj.expert.user, [form.price_change]
            tell("prices_changed_by_staff", user, form.cleaned_data, to=user.email, prices=prices)
