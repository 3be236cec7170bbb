"""Signing in with a code, setting up and removing the second factor, and ending sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import URLPattern, path
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import database_time, formats, rate_limits, second_factor, sign_ins, signing_in, zones
from bookings.access import expert_of, sign_in_required
from bookings.forms.fields import Styled
from bookings.models import Clock, User
from bookings.signing_in import Waiting
from bookings.views.pick import device_of
from bookings.views.shop import qr_picture

WRONG_CODE = (
    "This code does not work. Each code works once and for half a minute. After a wrong one, wait "
    "a little before you try the next: a few seconds at first, and up to nine minutes."
)
WRONG_NEW_CODE = (
    "This code is not from the key on this page. Check that your phone shows the right time, and "
    "type the code that the app shows now."
)
WRONG_PASSWORD = "This is not your current password."  # noqa: S105
TOO_LATE = "This took too long, so please sign in again."
KEY_LASTS = timedelta(minutes=30)
_SALT = "bookings.new-authenticator-app"


# --- forms ----------------------------------------------------------------------------------------


class CodeField(forms.CharField):
    """Six digits from an app, or a recovery code where `with_letters` brings up a keyboard that
    has them. Both fields take both."""

    def __init__(self, label: str, help_text: str = "", *, with_letters: bool = False) -> None:
        digits = {"autocomplete": "one-time-code", "inputmode": "numeric"}
        letters = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(
            label=label,
            help_text=help_text,
            max_length=64,
            widget=forms.TextInput(attrs=letters if with_letters else digits),
            error_messages={"required": "Type the code."},
        )


class CodeForm(Styled, forms.Form):
    def __init__(self, *args: Any, with_letters: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label = "Recovery code" if with_letters else "Code from your app"
        hint = "One of the ten you kept when you set this up." if with_letters else "Six digits."
        self.fields["code"] = CodeField(label, hint, with_letters=with_letters)
        self.fields["code"].widget.attrs |= {"autofocus": True, "class": "input"}


class PasswordField(forms.CharField):
    def __init__(self) -> None:
        super().__init__(
            label="Your password",
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            error_messages={"required": "Write your password."},
        )


class FullForm(Styled, forms.Form):
    """The password, and a code where two-step sign-in is on: for what could let others in."""

    password = PasswordField()
    code = CodeField("Code from your app", "Six digits, or a recovery code.", with_letters=True)

    def __init__(self, *args: Any, request: HttpRequest, is_on: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, cast(User, request.user)
        if not is_on:
            del self.fields["code"]

    def clean(self) -> dict[str, Any]:
        """The code is used up only by somebody who knows the password."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if not signing_in.is_password(self.request, self.user, data["password"]):
            self.add_error("password", WRONG_PASSWORD)
        elif "code" in self.fields and not signing_in.is_right_code(
            self.request, self.user, data["code"]
        ):
            self.add_error("code", WRONG_CODE)
        return data


def _key_of(user: User, text: str) -> str | None:
    """The key that a page offered this person, out of the form it came back with."""
    try:
        owner, key = signing.loads(text, salt=_SALT, max_age=KEY_LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(key) if owner == user.pk else None


def _offer(user: User, key: str) -> dict[str, Any]:
    """The key on a page: as a picture, as text, and signed for the form."""
    return {
        "key": second_factor.spelled(key),
        "qr": qr_picture(second_factor.address_of(user, key), is_fluid=True),
        "app_url": second_factor.address_of(user, key),
        "offered": signing.dumps([user.pk, key], salt=_SALT),
    }


class NewCodeForm(Styled, forms.Form):
    new_code = CodeField("Code from the app", "The six digits that the app shows now.")
    key: str | None

    def clean_new_code(self) -> str:
        code = str(self.cleaned_data["new_code"])
        if self.key is None or not second_factor.is_of_key(self.key, code, now=database_time.now()):
            raise forms.ValidationError(WRONG_NEW_CODE)
        return code


class NewCodeAndFullForm(FullForm, NewCodeForm):
    """The new code is looked at first: a wrong one uses up nothing."""


# --- between the password and the session ---------------------------------------------------------


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    waiting = signing_in.waiting(request)
    if waiting is None or not second_factor.is_on(waiting.user):
        return _begin_anew(request)
    with_letters = "recovery" in request.GET
    form = CodeForm(request.POST if request.method == "POST" else None, with_letters=with_letters)
    if form.is_valid():
        if signing_in.is_right_code(request, waiting.user, form.cleaned_data["code"]):
            return signing_in.complete(
                request, waiting.user, to=waiting.to, is_new=waiting.is_new, has_passed=True
            )
        form.add_error("code", WRONG_CODE)
    context = {"form": form, "with_letters": with_letters}
    return render(request, "accounts/code.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters("new_code", "offered")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_set_up(request: HttpRequest) -> HttpResponse:
    """Whoever needs a second factor and has none sets it up before they are signed in."""
    waiting = signing_in.waiting(request)
    if waiting is None or second_factor.is_on(waiting.user):
        return _begin_anew(request)
    user = waiting.user
    form = NewCodeForm(request.POST if request.method == "POST" else None)
    form.key = _key_of(user, request.POST.get("offered", ""))
    if codes := _set_up(user, form):
        return _signed_in_with(request, waiting, codes)
    context = {"form": form, **_offer(user, form.key or second_factor.new_key())}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/sign_in_set_up.html", context, status=status)


def _set_up(user: User, form: NewCodeForm, *, replaces: bool = False) -> list[str] | None:
    """The recovery codes, where the form is complete and right."""
    if not form.is_valid() or form.key is None:
        return None
    code, now = form.cleaned_data["new_code"], database_time.now()
    return second_factor.set_up(user, form.key, code, now=now, replaces=replaces)


def _begin_anew(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    if signing_in.WAITING in request.session:
        messages.warning(request, TOO_LATE)
    return redirect("sign_in")


def _signed_in_with(request: HttpRequest, waiting: Waiting, codes: list[str]) -> HttpResponse:
    signing_in.sign_in(request, waiting.user, is_new=waiting.is_new, has_passed=True)
    sign_ins.end_others(waiting.user, here=request.session.session_key or "")
    response = _codes_page(request, codes, to=waiting.to)
    rate_limits.remember_device(request, response, waiting.user.email)
    return response


# --- the page of somebody who is signed in --------------------------------------------------------


@require_safe
@sign_in_required
def security(request: HttpRequest) -> HttpResponse:
    user, now = cast(User, request.user), database_time.now()
    expert = expert_of(request)
    zone = expert.time_zone if expert else zones.first_known([device_of(request)], otherwise="UTC")
    clock = expert.clock if expert else Clock.TWENTY_FOUR
    here = request.session.session_key or ""
    places = [
        {
            "pk": place.pk,
            "device": place.device,
            "address": place.address,
            "since": formats.moment(place.started_at, zone, clock, now),
            "seen": formats.moment(place.seen_at, zone, clock, now),
            "is_here": place.is_here,
        }
        for place in sign_ins.places_of(user, here=here, now=now)
    ]
    context = {
        "is_off_here": settings.SECOND_FACTOR == "off",
        "is_on": second_factor.is_on(user),
        "is_required": second_factor.is_required_of(user),
        "codes_left": second_factor.codes_left(user),
        "places": places,
        "place": formats.zone_place(zone),
    }
    return render(request, "accounts/security.html", context)


@sensitive_post_parameters("password", "code", "new_code", "offered")
@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def set_up_factor(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    if settings.SECOND_FACTOR == "off":
        return redirect("security")
    is_on = second_factor.is_on(user)
    data = request.POST if request.method == "POST" else None
    form = NewCodeAndFullForm(data, request=request, is_on=is_on)
    form.key = _key_of(user, request.POST.get("offered", ""))
    if codes := _set_up(user, form, replaces=is_on):
        signing_in.keep_this_session(request, has_passed=True)
        return _codes_page(request, codes, to="security")
    context = {"form": form, "is_on": is_on, **_offer(user, form.key or second_factor.new_key())}
    status = 200 if data is None else 422
    return render(request, "accounts/set_up_factor.html", context, status=status)


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def remove_factor(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    if not second_factor.is_on(user) or second_factor.is_required_of(user):
        return redirect("security")
    form = _full_form(request)
    if form.is_valid():
        second_factor.remove(user, now=database_time.now())
        signing_in.keep_this_session(request, has_passed=False)
        messages.success(request, "Two-step sign-in is off. Other devices have been signed out.")
        return redirect("security")
    context = {"form": form}
    return render(
        request, "accounts/remove_factor.html", context, status=422 if form.is_bound else 200
    )


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def recovery_codes(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    if not second_factor.is_on(user):
        return redirect("security")
    form = _full_form(request)
    if form.is_valid():
        codes = second_factor.replace_recovery_codes(user, now=database_time.now())
        signing_in.keep_this_session(request)
        return _codes_page(request, codes, to="security")
    context = {"form": form}
    return render(
        request, "accounts/recovery_codes.html", context, status=422 if form.is_bound else 200
    )


def _full_form(request: HttpRequest) -> FullForm:
    return FullForm(request.POST if request.method == "POST" else None, request=request, is_on=True)


def _codes_page(request: HttpRequest, codes: list[str], *, to: str) -> HttpResponse:
    """Shown in the answer to the form, and never again."""
    return render(request, "accounts/codes.html", {"codes": codes, "to": resolve_url(to)})


@require_POST
@sign_in_required
@signing_in.confirmed
def end_session(request: HttpRequest) -> HttpResponse:
    user, which = cast(User, request.user), request.POST.get("which", "")
    if which == "others":
        sign_ins.end_others(user, here=request.session.session_key or "")
        messages.success(request, "All other devices are signed out.")
    elif which.isascii() and which.isdecimal() and len(which) < 19:
        sign_ins.end(user, int(which))
        messages.success(request, "That device is signed out.")
    return redirect("security")


urlpatterns: list[URLPattern] = [
    path("sign-in/code/", sign_in_code, name="sign_in_code"),
    path("sign-in/set-up/", sign_in_set_up, name="sign_in_set_up"),
    path("account/security/", security, name="security"),
    path("account/security/set-up/", set_up_factor, name="set_up_factor"),
    path("account/security/remove/", remove_factor, name="remove_factor"),
    path("account/security/recovery-codes/", recovery_codes, name="recovery_codes"),
    path("account/security/end/", end_session, name="end_session"),
]
