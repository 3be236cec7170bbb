"""Invitations to become an expert. Staff never sees their links: anyone who has one can use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bookings import database_time, invitations
from bookings.admin.acting import ActingAdmin, StaffAction, refused_as
from bookings.admin.base import Column, KeptAdmin, Narrowed, chip, moment
from bookings.forms.actions import ReasonForm
from bookings.forms.fields import AddressField, NameField
from bookings.models import Invitation, InvitationState, User, longest
from bookings.states import Actor, TransitionNotAllowed

TONES = {
    InvitationState.OPEN: "info",
    InvitationState.EXPIRED: "warn",
    InvitationState.ACCEPTED: "ok",
    InvitationState.REVOKED: "",
}


class NewInvitationForm(forms.ModelForm[Invitation]):
    """`invitations.invite` writes the invitation or refuses it, as it does for every caller."""

    by: User | None = None
    email = AddressField(label="E-mail address")
    name = NameField(
        max_length=longest(Invitation, "name"), required=False, help_text="They can change it."
    )

    class Meta:
        model = Invitation
        fields = ("email", "name")

    def _post_clean(self) -> None:
        data = self.cleaned_data
        if self.errors:
            return
        try:
            self.instance = invitations.invite(
                data["email"], name=data["name"], by=self.by, now=database_time.now()
            )
        except TransitionNotAllowed as refused:
            self.add_error("email", refused.sentence)

    def save(self, commit: bool = True) -> Invitation:
        return self.instance

    def save_m2m(self) -> None:
        """An invitation has no many-to-many relations."""


class InvitationReasonForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "Kept in the history of this invitation."


class Answered(Narrowed):
    title = "state"
    parameter_name = "state"
    ways = {
        "open": ("Open", lambda rows, now: rows.open_at(now)),
        "expired": ("Expired", lambda rows, now: rows.unanswered().filter(expires_at__lte=now)),
        "accepted": ("Accepted", lambda rows, now: rows.filter(accepted_at__isnull=False)),
        "revoked": ("Revoked", lambda rows, now: rows.filter(revoked_at__isnull=False)),
    }


def _runs(verb: Callable[..., object], done: str) -> Callable[..., str]:
    def run(row: Invitation, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
        verb(row.pk, now=now)
        return done

    return run


@admin.register(Invitation)
class InvitationAdmin(ActingAdmin[Invitation]):
    staff_actions = (
        StaffAction(
            "send_again",
            "Send again",
            "Sends another e-mail with a new link. The earlier links stop working.",
            _runs(invitations.send_again, "The e-mail will be sent within a minute."),
            InvitationReasonForm,
            refused_as(lambda row, actor, now: invitations.refusal(row, "send_again", now)),
            has_no_history=True,
        ),
        StaffAction(
            "revoke",
            "Revoke",
            "Ends the invitation. Its link stops working.",
            _runs(invitations.revoke, "Revoked."),
            InvitationReasonForm,
            refused_as(lambda row, actor, now: invitations.refusal(row, "revoke", now)),
            has_no_history=True,
        ),
    )
    related = ("invited_by", "expert")
    list_display = ("email", "name", "state_now", "invited_by", "sent", "number", "expires",
                    "expert")  # fmt: skip
    list_filter = (Answered,)
    search_fields = ("email", "name")
    fields = ("email", "name", "state_now", "invited_by", "created", "sent", "number", "expires",
              "accepted", "revoked", "expert")  # fmt: skip

    created = Column(moment, "created_at")
    sent = Column(moment, "sent_at", description="last sent")
    expires = Column(moment, "expires_at")
    accepted = Column(moment, "accepted_at")
    revoked = Column(moment, "revoked_at")

    @admin.display(description="state")
    def state_now(self, row: Invitation) -> SafeString:
        state = row.state(database_time.now())
        return chip(state.label, TONES[state])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Staff may add an invitation; after that only actions change it."""
        return KeptAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return super().get_fields(request, obj) if obj else NewInvitationForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Invitation | None = None, change: bool = False, **kw: Any
    ) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kw)
        assert isinstance(request.user, User)
        return type("NewInvitationForm", (NewInvitationForm,), {"by": request.user})

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """The form has saved the invitation already."""
