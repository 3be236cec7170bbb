"""Asking staff for help, and saying whether the article helped."""

from __future__ import annotations

from typing import Any

from django import forms

from bookings.forms.style import Styled
from bookings.forms.text import LineField, ParagraphsField
from bookings.models import Booking, Expert, HelpFeedback


class SupportForm(Styled, forms.Form):
    subject = LineField(
        max_length=120,
        label="What is it about?",
        error_messages={"required": "Say in a few words what it is about."},
    )
    code = LineField(
        label="Booking",
        required=False,
        max_length=20,
        help_text="Its code, as in TM-7KQ4X9M, if it is about one call.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    message = ParagraphsField(
        max_length=5000,
        rows=7,
        label="What happened?",
        error_messages={"required": "Say what happened."},
    )

    def __init__(self, *args: Any, expert: Expert, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expert = expert
        self.booking: Booking | None = None

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"]).upper()
        if code:
            self.booking = self.own_booking(code)
            if self.booking is None:
                raise forms.ValidationError("You have no booking with this code.")
        return code

    def own_booking(self, code: str) -> Booking | None:
        return Booking.objects.of_expert(self.expert).filter(code=code).first()


class VerdictForm(forms.Form):
    """Step one: did it help?"""

    answer = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")])


class CommentForm(Styled, forms.Form):
    """Step two, after the answer is stored."""

    comment = ParagraphsField(
        max_length=HelpFeedback._meta.get_field("comment").max_length or 2000,
        rows=3,
        label="What should we add or change?",
    )
