"""The way of an owner from an empty site to a first expert."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, password_validation
from django.core.mail import send_mail
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from bookings import addresses, setup
from bookings.access import sign_in_required
from bookings.forms.fields import AddressField, NameField, Styled
from bookings.gateways import selling_with
from bookings.models import Expert, Provider, Service, User
from bookings.views.accounts import PASSWORD_HINT
from bookings.views.pick import device_of

logger = logging.getLogger(__name__)


class OwnerForm(Styled, forms.Form):
    email = AddressField(
        label="Your e-mail address",
        help_text="You sign in with it.",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        error_messages={"required": "Write your e-mail address."},
    )
    password = forms.CharField(
        label="Choose a password",
        strip=False,
        help_text=PASSWORD_HINT,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Choose a password."},
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("password"):
            try:
                user = User(email=data.get("email", ""))
                password_validation.validate_password(data["password"], user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return data


class NewExpertForm(Styled, forms.Form):
    name = NameField(
        label="Your name",
        max_length=80,
        help_text="As followers see it. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Write your name."},
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
            login(request, user, backend="bookings.signed_in.Backend")
            return redirect("setup")
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
    return _overview(request, NewExpertForm())


def _overview(request: HttpRequest, form: NewExpertForm, *, status: int = 200) -> HttpResponse:
    ways = [Provider(way).label for way in selling_with() if way != Provider.SANDBOX]
    expert = Expert.objects.filter(user=cast(User, request.user)).first()
    context = {
        "form": form,
        "ways": ways,
        "plays_sandbox": settings.SELLS_BY_SANDBOX,
        "mails_wait": settings.MAILS_WAIT,
        "sender": settings.DEFAULT_FROM_EMAIL,
        "expert": expert,
        "sells": expert is not None and Service.objects.for_sale().of_expert(expert).exists(),
    }
    return render(request, "accounts/setup.html", context, status=status)


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
        return _overview(request, form, status=422)
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
    path("setup/<str:token>/", setup_owner, name="setup_owner"),
]
