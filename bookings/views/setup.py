"""The way of an owner from an empty site to its experts."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import password_validation
from django.core.mail import send_mail
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from bookings import addresses, database_time, formats, invitations, setup, signing_in, zones
from bookings.access import sign_in_required
from bookings.forms.fields import AddressField, NameField, Styled
from bookings.gateways import selling_with
from bookings.models import (
    Clock,
    Expert,
    Invitation,
    InvitationState,
    Provider,
    Service,
    User,
)
from bookings.states import TransitionNotAllowed
from bookings.views.accounts import PASSWORD_HINT
from bookings.views.pick import device_of

logger = logging.getLogger(__name__)

SHOWN = 50
"""So many invitations are shown."""


class NewPasswordField(forms.CharField):
    """Of an account that is being made."""

    def __init__(self) -> None:
        super().__init__(
            label="Choose a password",
            strip=False,
            help_text=PASSWORD_HINT,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            error_messages={"required": "Choose a password."},
        )


def check_new_password(form: forms.Form, user: User) -> None:
    """By the rules of AUTH_PASSWORD_VALIDATORS; `user` is who is going to have it."""
    password = form.cleaned_data.get("password")
    if not password:
        return
    try:
        password_validation.validate_password(password, user)
    except forms.ValidationError as error:
        form.add_error("password", error)


class OwnerForm(Styled, forms.Form):
    email = AddressField(
        label="Your e-mail address",
        help_text="You sign in with it.",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        error_messages={"required": "Write your e-mail address."},
    )
    password = NewPasswordField()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        check_new_password(self, User(email=data.get("email", "")))
        return data


class NewExpertForm(Styled, forms.Form):
    name = NameField(
        label="Your name",
        max_length=80,
        help_text="As followers see it. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Write your name."},
    )


class InviteForm(Styled, forms.Form):
    email = AddressField(
        label="Their e-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Write the e-mail address of whom you invite."},
    )
    name = NameField(
        label="Their name",
        max_length=80,
        required=False,
        help_text="They can change it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@never_cache
@sensitive_post_parameters("password")
def setup_owner(request: HttpRequest, token: str) -> HttpResponse:
    """From the link on the console. It is over as soon as there is an owner."""
    if not setup.is_token(token):
        raise Http404("Not the link of this site.")
    if setup.has_owner():
        setup.remember_owner()
        return _is_over(request)
    form = OwnerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = setup.make_owner(form.cleaned_data["email"], form.cleaned_data["password"])
        except IntegrityError:
            form.add_error("email", "There is an account with this address. Choose another one.")
        else:
            if user is None:
                return _is_over(request)
            return signing_in.begin(request, user, to=reverse("setup"), is_new=True)
    status = 422 if form.errors else 200
    return render(request, "accounts/setup_owner.html", {"form": form}, status=status)


def _is_over(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/setup_over.html", status=410)


def owner_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_superuser:
            raise Http404("Only for the owner of the site.")
        return view(request, *args, **kwargs)

    return sign_in_required(wrapped)


@require_safe
@owner_required
def overview(request: HttpRequest) -> HttpResponse:
    return _overview(request)


def _overview(
    request: HttpRequest,
    *,
    form: NewExpertForm | None = None,
    invite_form: InviteForm | None = None,
) -> HttpResponse:
    ways = [Provider(way).label for way in selling_with() if way != Provider.SANDBOX]
    expert = Expert.objects.filter(user=cast(User, request.user)).first()
    context = {
        "form": form or NewExpertForm(),
        "invite_form": invite_form or InviteForm(prefix="invite"),
        "invitations": _open_invitations(_zone_of(request, expert)),
        "ways": ways,
        "plays_sandbox": settings.SELLS_BY_SANDBOX,
        "mails_wait": settings.MAILS_WAIT,
        "sender": settings.DEFAULT_FROM_EMAIL,
        "expert": expert,
        "sells": expert is not None and Service.objects.for_sale().of_expert(expert).exists(),
    }
    return render(
        request, "accounts/setup.html", context, status=422 if form or invite_form else 200
    )


def _zone_of(request: HttpRequest, expert: Expert | None) -> str:
    known = [expert.time_zone] if expert else []
    return zones.first_known([*known, device_of(request)], otherwise="UTC")


def _open_invitations(zone: str) -> list[dict[str, Any]]:
    """Those that nobody has answered, the newest first; all of them are in the administration."""
    now = database_time.now()
    newest = Invitation.objects.unanswered().order_by("-sent_at")[:SHOWN]
    return [
        {
            "pk": one.pk,
            "name": one.name,
            "email": one.email,
            "place": formats.zone_place(zone),
            "is_expired": one.state(now) == InvitationState.EXPIRED,
            "sent": formats.moment(one.sent_at, zone, Clock.TWENTY_FOUR, now),
            "until": formats.moment(one.expires_at, zone, Clock.TWENTY_FOUR, now),
        }
        for one in newest
    ]


@require_POST
@owner_required
def invite_expert(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST, prefix="invite")
    if not form.is_valid():
        return _overview(request, invite_form=form)
    by, data = cast(User, request.user), form.cleaned_data
    try:
        invitations.invite(data["email"], name=data["name"], by=by, now=database_time.now())
    except TransitionNotAllowed as refused:
        form.add_error("email", refused.sentence)
        return _overview(request, invite_form=form)
    messages.success(request, f"{data['email']} is invited.")
    return redirect("setup")


@require_POST
@owner_required
def send_invitation_again(request: HttpRequest, pk: int) -> HttpResponse:
    return _change(request, invitations.send_again, pk, "The invitation is sent to {} again.")


@require_POST
@owner_required
def revoke_invitation(request: HttpRequest, pk: int) -> HttpResponse:
    return _change(request, invitations.revoke, pk, "The invitation of {} is revoked.")


def _change(
    request: HttpRequest, verb: Callable[..., Invitation], pk: int, done: str
) -> HttpResponse:
    try:
        invitation = verb(pk, now=database_time.now())
    except (Invitation.DoesNotExist, OverflowError) as error:
        raise Http404("No such invitation.") from error
    except TransitionNotAllowed as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, done.format(invitation))
    return redirect("setup")


@require_POST
@owner_required
def send_test_mail(request: HttpRequest) -> HttpResponse:
    address = cast(User, request.user).email
    try:
        send_mail(
            f"A test e-mail from {settings.SITE_NAME}",
            f"{settings.SITE_URL} can send e-mails. There is nothing you need to do.",
            None,
            [addresses.on_the_wire(address)],
        )
    except (OSError, ValueError, smtplib.SMTPException) as error:
        logger.warning("a test e-mail could not be sent: %s", error)
        messages.error(request, f"The mail server did not take the e-mail. It said: {error}")
    else:
        messages.success(request, f"A test e-mail is on its way to {address}.")
    return redirect("setup")


@require_POST
@owner_required
def become_expert(request: HttpRequest) -> HttpResponse:
    """The owner sells calls as well."""
    user = cast(User, request.user)
    form = NewExpertForm(request.POST)
    if Expert.objects.filter(user=user).exists():
        return redirect("services")
    if not form.is_valid():
        return _overview(request, form=form)
    try:
        setup.make_expert(user, form.cleaned_data["name"], zone=device_of(request))
    except IntegrityError:  # pressed twice at once
        return redirect("services")
    messages.success(request, "You can sell calls now. Add what you sell first.")
    return redirect("add_service")


urlpatterns: list[URLPattern] = [
    path("setup/", overview, name="setup"),
    path("setup/test-mail/", send_test_mail, name="send_test_mail"),
    path("setup/expert/", become_expert, name="become_expert"),
    path("setup/invitations/", invite_expert, name="invite_expert"),
    path("setup/invitations/<int:pk>/again/", send_invitation_again, name="send_invitation_again"),
    path("setup/invitations/<int:pk>/revoke/", revoke_invitation, name="revoke_invitation"),
    path("setup/<str:token>/", setup_owner, name="setup_owner"),
]
