"""Users, experts with their services and hours, followers."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from bookings import addresses, database_time, emails, formats, links, shop, tasks, zones
from bookings.admin.base import CLEANED, NONE, KeptAdmin, StrictAdmin
from bookings.formats import local, typed_money
from bookings.forms.availability import override_rows, problem_with
from bookings.forms.fields import LineField, NameField, ParagraphsField
from bookings.forms.shop import SOMEBODY_ELSES, PricedForm, QuestionedForm
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.models import Clock, Expert, Follower, Service, User, WeeklyHours

MAILED = "Mailed to the expert, with the old and the new price."
WHY = "Mailed to the address the account has now, and kept in the history."


class OnlyChanges(forms.ModelForm[Any]):
    """Writes only what was changed on this page: whose row it is may have changed the rest since it
    was opened."""

    together: ClassVar[frozenset[str]] = frozenset()
    """Fields that mean something only together: all of them are written, or none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = bool(self.instance.pk)

    def clean(self) -> dict[str, Any]:
        if self.instance.pk:
            changed = set(self.changed_data)
            changed |= self.together if changed & self.together else set()
            columns = {field.name for field in self._meta.model._meta.fields}
            for name in set(self.cleaned_data) - changed - {"id"}:
                if name in columns | self.together:
                    del self.cleaned_data[name]
        return super().clean() or self.cleaned_data


class PersonForm(OnlyChanges):
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
                show_hidden_initial=bool(self.instance.pk),
            )


def _number(name: str, label: str, *, low: int, high: int) -> forms.IntegerField:
    """Within limits, and filled in with what an expert begins with."""
    usual = getattr(Expert(), name)
    return forms.IntegerField(label=label, min_value=low, max_value=high, initial=usual)


class ExpertForm(PersonForm):
    """Within the limits of the form that experts have themselves: free times are worked out for
    all the days ahead, in these steps."""

    headline = LineField(required=False, max_length=120)
    about = ParagraphsField(required=False, max_length=2000, rows=6)
    reason = ParagraphsField(
        required=False,
        max_length=500,
        rows=2,
        label="Reason for a new price",
        help_text=MAILED,
    )

    step_minutes = _number("step_minutes", "Minutes between possible starts", low=5, high=240)
    buffer_minutes = _number("buffer_minutes", "Minutes kept free after a call", low=0, high=240)
    min_notice_minutes = _number(
        "min_notice_minutes", "Minimum notice in minutes", low=0, high=30 * 24 * 60
    )
    window_days = _number("window_days", "Days ahead that can be booked", low=1, high=365)

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
    """A plain table with two empty lines at its end; every control has a name of its own."""

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
        """Title, and the old and the new price, where another one was written."""
        if "price" not in self.initial or not {"price", "currency"} & set(self.changed_data):
            return None
        before, after = self._prices()
        return (str(self["title"].value()), f"{before} → {after}") if before != after else None

    def _prices(self) -> tuple[str, str]:
        service = self.instance  # has the new price already
        now = typed_money(service.price_minor, service.currency)
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
                "Give the reason for a new price at the top of the page: the expert is told."
            )

    @property
    def price_changes(self) -> list[tuple[str, str]]:
        return [change for form in self.forms if (change := form.price_change)]


class ServiceRows(ExpertsRows):
    """A service that is not sold any more is switched off: bookings point to it."""

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
        """For who may only look: there is no form then."""
        return formats.price(row.price_minor, row.currency)


@admin.register(Expert)
class ExpertAdmin(KeptAdmin[Expert]):
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
        """An expert who is being added has no dates yet. Who may only look is asked for no
        reason."""
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return found[:1]
        if self.has_change_permission(request, obj):
            return found
        page = (found[1][0], {"fields": ("headline", "about", "is_paused")})
        return (found[0], page, *found[2:])

    def save_model(self, request: HttpRequest, obj: Expert, form: Any, change: bool) -> None:
        """An address that was public keeps leading to the expert."""
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
            _tell("prices_changed_by_staff", user, form.cleaned_data, to=user.email, prices=changes)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A list to choose from, which works without scripts: only experts and staff are users."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(expert=None, is_active=True).order_by("email")
            kwargs["empty_label"] = "Choose a user"
            kwargs["help_text"] = "Who signs in. Users who are experts already are not in the list."
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Expert | None = None) -> Any:
        """Whose cases these are stays: nobody decides their own by handing them on for a while."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "user")

    @admin.display(description="from today on")
    def dates(self, row: Expert) -> str:
        """To read only: of 300 there would be more fields than a form may send."""
        today = local(database_time.now(), row.time_zone).date()
        rows = override_rows(row, today=today, clock=Clock.TWENTY_FOUR)
        lines = format_html_join(
            "", "<li>{}: {}</li>", ((date["day"], date["hours"]) for date in rows)
        )
        return format_html("<ul>{}</ul>", lines) if lines else NONE


class ServicePageForm(QuestionedForm, ServiceRowForm):
    description = ParagraphsField(required=False, max_length=600, rows=4)
    reason = ParagraphsField(
        required=False, max_length=500, rows=2, label="Reason for a new price", help_text=MAILED
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.price_change and not data.get("reason"):
            self.add_error("reason", "Say why the price changes: the expert is told.")
        return data


@admin.register(Service)
class ServiceAdmin(KeptAdmin[Service]):
    """With its description and questions; the page of the expert has all of theirs in a table."""

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
        """Who may only look is asked for no reason, and reads the questions in one place."""
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
        """On the page of the expert."""
        return False

    @admin.display(description="price", ordering="price_minor")
    def price(self, row: Service) -> str:
        return formats.price(row.price_minor, row.currency)

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.price_change:
            user, prices = obj.expert.user, [form.price_change]
            _tell("prices_changed_by_staff", user, form.cleaned_data, to=user.email, prices=prices)


@admin.register(Follower)
class FollowerAdmin(KeptAdmin[Follower]):
    form = PersonForm
    list_display = ("name", "email", "time_zone")
    search_fields = ("name", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Follower | None = None) -> bool:
        """Whoever reads the mails of their own follower could act for them."""
        if obj is not None and obj.bookings.filter(expert__user_id=request.user.pk or 0).exists():
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Follower, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.initial.get("email") != obj.email:
            links.replace_all(obj.bookings.all(), now=database_time.now())


@admin.register(User)
class UserAdmin(BaseUserAdmin[User], KeptAdmin[User]):
    form = UserForm
    add_form = AdminUserCreationForm
    change_password_form = NewPasswordForm
    change_user_password_template = "admin/bookings/change_password.html"  # noqa: S105
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "first_name", "last_name")
    filter_horizontal = ()  # its two lists need scripts, and screen readers are told nonsense
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "reason", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups",
                               "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )  # fmt: skip
    add_fieldsets = (
        (None, {"classes": ("wide",),
                "fields": ("email", "usable_password", "password1", "password2")}),
    )  # fmt: skip

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return KeptAdmin.lookup_allowed(self, lookup, value, request)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who may only look is asked for no reason."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return ((None, {"fields": ("email", "password")}), *fieldsets[1:])

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

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.has_new_address:
            form.tell_old_address()

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
        return answer

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """The reason stays in the history."""
        told = super().construct_change_message(request, form, formsets, add)
        reason = form.cleaned_data.get("reason")
        if not reason:
            return told
        changed = [name for name in form.changed_data if name != "reason"] or ["password"]
        return f"Changed {', '.join(changed)}: {reason}"


# Rights that several people of staff have. Wrong passwords have no page: their rows are gone after
# a day, and what they close opens by itself.

admin.site.unregister(Group)


@admin.register(Group)
class RightsAdmin(GroupAdmin, StrictAdmin[Group]):
    filter_horizontal = ()  # see `UserAdmin`
