"""Users, experts with their services and hours, followers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from bookings import database_time, links
from bookings.admin.base import CLEANED, NONE, KeptAdmin
from bookings.formats import local
from bookings.forms.people import (
    ExpertForm,
    HoursForm,
    NewPasswordForm,
    PersonForm,
    ServiceForm,
    UserForm,
    WeekFormSet,
)
from bookings.models import Clock, Expert, Follower, Service, User, WeeklyHours
from bookings.presenters.availability import override_rows


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


class ServiceRows(ExpertsRows):
    """A service that is not sold any more is switched off: bookings point to it."""

    model = Service
    form = ServiceForm
    can_delete = False


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
        ("Dates with hours of their own", {"fields": ("dates",), "classes": ("collapse",)}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Expert | None = None) -> Any:
        """An expert who is being added has no dates yet."""
        found = super().get_fieldsets(request, obj)
        return found if obj is not None else found[:1]

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
        lines = format_html_join("", "<li>{}: {}</li>", ((date.day, date.hours) for date in rows))
        return format_html("<ul>{}</ul>", lines) if lines else NONE


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
        if "email" in form.changed_data:
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
