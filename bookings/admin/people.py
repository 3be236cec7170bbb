"""Users and their rights, and followers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings import (
    addresses,
    database_time,
    emails,
    links,
    second_factor,
    sign_ins,
    tasks,
    zones,
)
from bookings.admin.acting import StaffAction, WithActions, refused_as, runs
from bookings.admin.base import KeptAdmin, StrictAdmin
from bookings.admin.privacy import PersonDataAdmin
from bookings.forms.actions import ReasonForm
from bookings.forms.fields import NameField, ParagraphsField
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.models import Expert, Follower, User, longest
from bookings.states import Actor, TransitionNotAllowed

WHY = "It is mailed to the address the account has now, and kept in the history."


class ReasonField(ParagraphsField):
    """Why staff changes what belongs to somebody else, in words that they are sent."""

    def __init__(self, *, label: str, help_text: str, **kwargs: Any) -> None:
        super().__init__(rows=2, max_length=500, label=label, help_text=help_text, **kwargs)


class OnlyChanges(forms.ModelForm[Any]):
    """Writes only the fields that were changed on this page, because the person whose row it is may
    have changed others since it was opened."""

    together: ClassVar[frozenset[str]] = frozenset()
    """Fields that only make sense together: if one of them is written, all are."""

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
    name = NameField(max_length=longest(Expert, "name"))

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


class UserForm(UserChangeForm[User]):
    """Everything for its owner goes to a new address, even the link for a new password. So the old
    address is told, with the reason."""

    reason = ReasonField(label="Reason for a new address", help_text=WHY, required=False)

    def clean_email(self) -> str:
        return addresses.identity(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.has_new_address and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", "Give the reason: we send it to the owner of the account.")
        return data

    @property
    def has_new_address(self) -> bool:
        new = self.cleaned_data.get("email")
        return new is not None and new != addresses.identity(str(self.initial.get("email", "")))

    def tell_both_addresses(self) -> None:
        user, old = self.instance, str(self.initial["email"])
        tell("address_changed_by_staff", user, self.cleaned_data, to=old, new=user.email)
        tell("address_is_now_yours", user, self.cleaned_data, to=user.email, old=old)


class NewPasswordForm(AdminPasswordChangeForm[User]):
    """Staff sets a password for somebody else."""

    reason = ReasonField(
        label="Reason",
        help_text=WHY,
        error_messages={"required": "Give the reason: we send it to the owner of the account."},
    )

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        is_off = not user.has_usable_password()
        tell("password_changed_by_staff", user, self.cleaned_data, to=user.email, is_off=is_off)
        return user


def tell(kind: str, user: User, data: dict[str, Any], **facts: Any) -> None:
    """Tell the owner of an account by e-mail what staff has changed, and the reason in `data`."""
    now = database_time.now()
    known = {"user": user.pk, "reason": data["reason"], **facts}
    email = emails.queue(kind, now=now, dedupe=f"{user.pk}:{now.isoformat()}", facts=known)
    tasks.wake_for(email)


# --- actions --------------------------------------------------------------------------------------


class AccountReasonForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "Kept in the history of this account."


def _refused_for(
    refusal: Callable[[User, User], TransitionNotAllowed | None],
) -> Callable[[User, Actor, datetime], str]:
    return refused_as(lambda row, actor, now: refusal(row, User.objects.get(pk=actor.user_id or 0)))


def _refusal_to_sign_out(user: User, by: User) -> TransitionNotAllowed | None:
    """Nobody signs out people with more rights."""
    if (user.is_staff or user.is_superuser) and not by.is_superuser and user.pk != by.pk:
        return TransitionNotAllowed("rights", "Only an owner of the site may do this for staff.")
    return None


def _sign_out(row: User, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    if refused := _refusal_to_sign_out(row, User.objects.get(pk=actor.user_id or 0)):
        raise refused
    sign_ins.end_all(row)
    return "Signed out everywhere."


# --- pages ----------------------------------------------------------------------------------------


@admin.register(Follower)
class FollowerAdmin(PersonDataAdmin[Follower]):
    form = PersonForm
    list_display = ("name", "email", "time_zone")
    search_fields = ("name", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Follower | None = None) -> bool:
        """Staff cannot change their own followers: with another address, they would get the mails
        and could act for the follower. Of an erased one there is nothing to change."""
        if obj is not None and obj.erased_at is not None:
            return False
        if obj is not None and obj.bookings.filter(expert__user_id=request.user.pk or 0).exists():
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Follower, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.initial.get("email") != obj.email:
            links.replace_all(obj.bookings.all(), now=database_time.now())


@admin.register(User)
class UserAdmin(BaseUserAdmin[User], WithActions[User]):
    staff_actions = (
        StaffAction(
            "remove_factor",
            "Remove two-step sign-in",
            "For somebody who has lost their phone and their recovery codes. Make sure first that "
            "it is them: call them, or ask them something only they know. They are told by "
            "e-mail, with your reason, and are signed out everywhere.",
            runs(second_factor.remove_for, "Two-step sign-in is removed."),
            AccountReasonForm,
            _refused_for(second_factor.refusal),
        ),
        StaffAction(
            "sign_out",
            "Sign out everywhere",
            "Ends all sessions of this person. They can sign in again at once.",
            _sign_out,
            AccountReasonForm,
            _refused_for(_refusal_to_sign_out),
        ),
    )
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
        """Staff who may only look are not asked for a reason."""
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
        """Otherwise staff could set a password for people with more rights and sign in as them."""
        is_other_staff = obj is not None and obj.is_staff and obj != request.user
        is_above = obj is not None and (obj.is_superuser or is_other_staff)
        if is_above and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.has_new_address:
            form.tell_both_addresses()

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


# Groups are sets of rights for several members of staff. Wrong passwords have no page: their rows
# are deleted after a day, and an account that they lock opens again by itself.

admin.site.unregister(Group)
admin.site.unregister(TOTPDevice)  # its pages show the keys


@admin.register(Group)
class RightsAdmin(GroupAdmin, StrictAdmin[Group]):
    filter_horizontal = ()  # see `UserAdmin`
