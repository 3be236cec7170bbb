"""Signing in, the password, and the expert's own settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
)

from bookings import addresses, database_time, emails, printed_passwords, tasks
from bookings.forms.style import Styled
from bookings.forms.text import AddressField, NameField
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.models import Clock, Expert, User

THEMES = [("system", "Like the device"), ("light", "Light"), ("dark", "Dark")]
PRINTED_PASSWORD = "Everybody can read this password, so it opens nothing here."  # noqa: S105
WRITE_ADDRESS = {
    "required": "Write your e-mail address.",
    "invalid": "Write an e-mail address like name@example.com.",
}
PASSWORD_HINT = "At least 10 characters. A few words in a row are easy to remember."  # noqa: S105


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
        this request named. Also for those who never had a password: this is how staff invites an
        expert."""
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
    name = NameField(
        max_length=80,
        help_text="As followers see it in e-mails and on their pages.",
        error_messages={"required": "Write your name."},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
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
        fields = ("name", "time_zone", "clock", "has_shortcuts")

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        field.choices = zone_choices(  # type: ignore[attr-defined]
            current=self.instance.time_zone, now=now
        )

    def save(self, commit: bool = True) -> Expert:
        self.instance.save(update_fields=list(self.Meta.fields))
        return self.instance
