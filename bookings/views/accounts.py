"""Signing in and out, the password, and what people set for themselves."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from axes.utils import reset as forget_wrong_attempts
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
)
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import URLPattern, path, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from bookings import (
    addresses,
    database_time,
    emails,
    printed_passwords,
    rate_limits,
    sign_ins,
    signing_in,
    tasks,
)
from bookings.access import expert_of, sign_in_required
from bookings.forms.fields import AddressField, Styled
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.models import Clock, Expert, User
from topmate.proxies import client_network

YEAR = 60 * 60 * 24 * 365
HOUR = 60 * 60
RESETS_OF_NETWORK, RESETS_OF_ADDRESS = "resets-from:", "resets-of:"
LINK_LASTS = {"link_lasts": emails.password_link_lasts()}
TOO_MANY_RESETS = "Too many links were requested from your network. Try again in an hour."
NO_RESETS_NOW = (
    "We cannot send a link at the moment, and none was sent. Please try again in a few minutes."
)
THEMES = [("system", "Like the device"), ("light", "Light"), ("dark", "Dark")]
PRINTED_PASSWORD = "This password is printed in the manual, so it does not work on this site."  # noqa: S105
WRITE_ADDRESS = {
    "required": "Write your e-mail address.",
    "invalid": "Write an e-mail address like name@example.com.",
}
PASSWORD_HINT = "At least 10 characters. A few words in a row are easy to remember."  # noqa: S105


# --- forms ----------------------------------------------------------------------------------------


class SignInForm(Styled, AuthenticationForm):
    username = AddressField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        error_messages=WRITE_ADDRESS,
    )
    error_messages = {
        "invalid_login": "The e-mail address and the password do not match.",
        "inactive": "The e-mail address and the password do not match.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = "Write your password."

    def clean_username(self) -> str:
        """One spelling only: the limit on wrong attempts counts by it."""
        return addresses.identity(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        if printed_passwords.opens_nothing(self.cleaned_data.get("password", "")):
            raise forms.ValidationError(PRINTED_PASSWORD)
        return super().clean()


class ResetPasswordForm(Styled, PasswordResetForm):
    email = AddressField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        error_messages=WRITE_ADDRESS,
    )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The mail is written to the outbox, and its link starts with SITE_URL, whatever host
        this request named. People whose account never had a password get one, too."""
        address = self.cleaned_data["email"]
        tasks.wake_for(emails.queue_password_reset(address, now=database_time.now()))


NOT_THE_SAME = {"password_mismatch": "The two new passwords are not the same."}


def _say_how_to_choose(fields: dict[str, forms.Field]) -> None:
    first, second = fields["new_password1"], fields["new_password2"]
    first.help_text, second.help_text = PASSWORD_HINT, ""
    second.label = "The new password again"
    first.error_messages["required"] = "Write a new password."
    second.error_messages["required"] = "Write the new password again."


class ChoosePasswordForm(Styled, SetPasswordForm[User]):
    error_messages = {**SetPasswordForm.error_messages, **NOT_THE_SAME}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _say_how_to_choose(self.fields)


class ChangePasswordForm(Styled, PasswordChangeForm):
    error_messages = {
        **PasswordChangeForm.error_messages,
        **NOT_THE_SAME,
        "password_incorrect": "This is not your current password.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = self.fields["old_password"]
        current.label = "Current password"
        current.error_messages["required"] = "Write your current password."
        current.widget.attrs.pop("autofocus", None)
        _say_how_to_choose(self.fields)


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=THEMES, widget=forms.RadioSelect)


class AccountForm(Styled, forms.ModelForm[Expert]):
    time_zone = forms.ChoiceField(
        label="Time zone",
        help_text="Your pages and e-mails show times in this zone. "
        "Your weekly hours are kept in it as well.",
        widget=ZoneSelect,
    )
    clock = forms.ChoiceField(label="Clock", choices=Clock.choices, widget=forms.RadioSelect)
    theme = forms.ChoiceField(label="Appearance", choices=THEMES, widget=forms.RadioSelect)
    has_shortcuts = forms.BooleanField(
        label="Single-key shortcuts",
        required=False,
        help_text="J and K to move, R and C to act, / to search. Never inside a text field.",
    )

    class Meta:
        model = Expert
        fields = ("time_zone", "clock", "has_shortcuts")

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        field.choices = zone_choices(  # type: ignore[attr-defined]
            current=self.instance.time_zone, now=now
        )

    def save(self, commit: bool = True) -> Expert:
        self.instance.save(update_fields=list(self.Meta.fields))
        return self.instance


# --- pages ----------------------------------------------------------------------------------------


class SignIn(auth_views.LoginView):
    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return resolve_url("home")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        there = printed_passwords.of_this_site()
        context = super().get_context_data(demo_sign_ins=there, **kwargs)
        # Django puts the host here, which whoever asks can choose.
        return {**context, "site_name": settings.SITE_NAME}

    def form_valid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        return signing_in.begin(self.request, form.get_user(), to=self.get_success_url())


class ResetPassword(auth_views.PasswordResetView):
    """The answer is the same whether the address has an account or not."""

    form_class = ResetPasswordForm
    template_name = "accounts/password_reset.html"
    extra_context = LINK_LASTS
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: ResetPasswordForm) -> HttpResponse:  # type: ignore[override]
        try:
            _count_resets(client_network(self.request), form.cleaned_data["email"])
        except rate_limits.TooOften as too_often:
            if too_often.name.startswith(RESETS_OF_ADDRESS):
                return redirect(str(self.success_url))  # there are five links in that mailbox
            return self._refused(form, TOO_MANY_RESETS, status=429)
        except rate_limits.CannotCount:
            return self._refused(form, NO_RESETS_NOW, status=503)
        return super().form_valid(form)

    def _refused(self, form: ResetPasswordForm, why: str, *, status: int) -> HttpResponse:
        form.add_error(None, why)
        return self.render_to_response(self.get_context_data(form=form), status=status)


def _count_resets(network: str | None, address: str) -> None:
    """Counts in the same way whether the address has an account or not."""
    digest = hashlib.sha256(addresses.identity(address).encode()).hexdigest()
    rate_limits.count(f"{RESETS_OF_NETWORK}{network}", at_most=20, seconds=HOUR)
    rate_limits.count(f"{RESETS_OF_ADDRESS}{digest}", at_most=5, seconds=HOUR)


class ChooseNewPassword(auth_views.PasswordResetConfirmView):
    form_class = ChoosePasswordForm
    template_name = "accounts/password_reset_confirm.html"
    extra_context = LINK_LASTS
    success_url = reverse_lazy("password_reset_complete")

    def form_valid(self, form: ChoosePasswordForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_valid(form)
        # Whoever could read the mail is the owner: the wrong attempts before count no more.
        forget_wrong_attempts(username=addresses.identity(form.user.email))
        rate_limits.remember_device(self.request, response, form.user.email)
        sign_ins.end_others(form.user)
        _tell_of_new_password(form.user)
        return response


def _tell_of_new_password(user: User) -> None:
    now = database_time.now()
    facts = {"user": user.pk, "to": user.email, "at": now.isoformat()}
    dedupe = f"{user.pk}:{now.isoformat()}"
    tasks.wake_for(emails.queue("password_changed", now=now, dedupe=dedupe, facts=facts))


class ChangePassword(auth_views.PasswordChangeView):
    form_class = ChangePasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        messages.success(
            self.request, "Your password has been changed. Other devices have been signed out."
        )
        response = super().form_valid(form)
        signing_in.keep_this_session(self.request)
        _tell_of_new_password(form.user)
        return response


def too_many_sign_ins(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """The page is the same whether the address has an account or not."""
    seconds = int(rate_limits.WINDOW.total_seconds())
    page = render(request, "accounts/locked.html", {"minutes": seconds // 60}, status=429)
    page.headers["Retry-After"] = str(seconds)
    return page


@sign_in_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Staff without an expert only has a password and an appearance."""
    expert = expert_of(request)
    if expert is None:
        context = {"theme_form": _theme_form(request), "offers_factor": _offers_factor(request)}
        return render(request, "accounts/account.html", context)
    form = _account_form(request, expert)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.is_bound else 200
        context = {"form": form, "offers_factor": _offers_factor(request)}
        return render(request, "accounts/account.html", context, status=status)
    form.save()
    messages.success(request, "Your settings are saved.")
    return _with_theme(redirect("account"), form.cleaned_data["theme"])


def _offers_factor(request: HttpRequest) -> bool:
    """Asks nothing of the database: the session knows whether a code was given."""
    return settings.SECOND_FACTOR != "off" and not request.session.get(sign_ins.HAS_PASSED)


def _account_form(request: HttpRequest, expert: Expert) -> AccountForm:
    return AccountForm(
        request.POST if request.method == "POST" else None,
        instance=expert,
        initial={"theme": _theme_of(request)},
        now=database_time.now(),
    )


def _theme_form(request: HttpRequest) -> ThemeForm:
    return ThemeForm(initial={"theme": _theme_of(request)})


def _theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "")
    return theme if theme in ("light", "dark") else "system"


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """For everybody, also signed out. Goes back to the page it came from."""
    form = ThemeForm(request.POST)
    back = request.POST.get("next", "")
    # A path only: Django would take anything else for the name of a page.
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    response = redirect(back if is_ours else resolve_url("home"))
    return _with_theme(response, form.cleaned_data["theme"]) if form.is_valid() else response


def _with_theme(response: HttpResponse, theme: str) -> HttpResponse:
    """Kept in a cookie, so that the server renders it and nothing flashes."""
    if theme == "system":
        response.delete_cookie("theme", samesite="Lax")
        return response
    response.set_cookie(
        "theme", theme, max_age=YEAR, samesite="Lax", secure=settings.IS_HTTPS, httponly=True
    )
    return response


urlpatterns: list[URLPattern] = [
    path("sign-in/", SignIn.as_view(), name="sign_in"),
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign_out"),
    path("password/reset/", ResetPassword.as_view(), name="password_reset"),
    path(
        "password/sent/",
        auth_views.PasswordResetDoneView.as_view(template_name="accounts/password_reset_done.html"),
        name="password_reset_done",
    ),
    path("password/<uidb64>/<token>/", ChooseNewPassword.as_view(), name="password_reset_confirm"),
    path(
        "password/changed/",
        auth_views.PasswordResetCompleteView.as_view(
            template_name="accounts/password_reset_complete.html"
        ),
        name="password_reset_complete",
    ),
    path("account/", account, name="account"),
    path("account/password/", sign_in_required(ChangePassword.as_view()), name="password_change"),
    path("theme/", theme, name="theme"),
]
