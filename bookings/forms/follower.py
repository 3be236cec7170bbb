"""What a follower sends: from a private page, and to buy a call."""

from __future__ import annotations

import re
import secrets
import zlib
from datetime import UTC, datetime
from typing import Any

from django import forms

from bookings import places
from bookings.forms.fields import (
    OUR_TIME,
    AddressField,
    LineField,
    NameField,
    ParagraphsField,
    Styled,
    check_year,
    style,
)
from bookings.models import Checkout, Contest, NoShowReport, Provider, Service
from bookings.states import Actor, ActorKind

REQUEST_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


def new_request_key() -> str:
    """The id of one rendered form: sent twice, it acts once."""
    return secrets.token_urlsafe(18)


class ActForm(Styled, forms.Form):
    """A form whose button acts. A key that is missing or odd is replaced by a fresh one."""

    request_key = forms.Field(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"request_key": new_request_key(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean_request_key(self) -> str:
        key = str(self.cleaned_data["request_key"])
        return key if REQUEST_KEY.fullmatch(key) else new_request_key()

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.FOLLOWER, None, self.cleaned_data["request_key"])


class ReportForm(ActForm):
    """No reason is chosen beforehand: a bare button is not consent to start a refund clock."""

    reason = forms.ChoiceField(
        label="What went wrong?",
        choices=NoShowReport.Reason.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose what went wrong.",
            "invalid_choice": "Choose one of the reasons.",
        },
    )
    text = ParagraphsField(
        required=False,
        max_length=NoShowReport._meta.get_field("text").max_length,
        rows=4,
        label="What happened",
    )


class ContestForm(ActForm):
    reason = ParagraphsField(
        max_length=Contest._meta.get_field("reason").max_length,
        rows=5,
        label="What happened instead?",
        error_messages={"required": "Say what happened, in a sentence or two."},
    )


def parse_slot(text: str) -> datetime | None:
    """An instant as `presenters.picker.slot_value` writes it; None for anything else."""
    slot = _instant(text)
    return slot if slot and OUR_TIME[0] <= slot.year <= OUR_TIME[1] else None


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


class SlotField(forms.CharField):
    default_error_messages = {
        "invalid": "Choose one of the times below.",
        "past": "This time is in the past. Choose one of the times below.",
        "too_far": "This time is too far ahead. Choose one of the times below.",
    }

    def to_python(self, value: Any) -> Any:
        text = str(super().to_python(value) or "")
        slot = _instant(text)
        if slot is not None:
            check_year(self, slot.year)
        elif text:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return slot


class PickForm(ActForm):
    """Beside it the page sends the zone and the clock it was shown in, which its view reads."""

    slot = SlotField(label="Time", error_messages={"required": "Choose a time."})


LONGEST_ANSWER = 1000
ANSWER = "answer_"
QUESTIONS_CHANGED = (
    "The questions have changed since you opened this page. Look at your answers again."
)
_NUMBER = re.compile(r"\+?[0-9][0-9 ()/.-]*", re.ASCII)
_name = Checkout._meta.get_field("name")


def name_of(question: str) -> str:
    """Of the field of its answer. It comes from the words: the expert may put others in its place
    while somebody is writing."""
    return f"{ANSWER}{zlib.crc32(question.encode()):08x}"


class BuyForm(PickForm):
    """Zone and clock are those the times were shown in. `ways` are the providers to choose from."""

    name = NameField(
        label="Your name",
        max_length=_name.max_length,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Write your name."},
    )
    email = AddressField(
        label="Your e-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": "Write your e-mail address."},
    )
    way = forms.ChoiceField(
        label="Pay with",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose how to pay.",
            "invalid_choice": "Choose one of the ways to pay.",
        },
    )

    number = LineField(
        label=places.NUMBER_QUESTION,
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
        error_messages={"required": "Write the telephone number at which you are called."},
    )

    def __init__(self, *args: Any, service: Service, ways: list[Provider], **kwargs: Any) -> None:
        self.asked = {name_of(question.text): question for question in service.asked}
        super().__init__(*args, **kwargs)
        if not places.asks_for_number(service):
            del self.fields["number"]
        for name, question in self.asked.items():
            escaped = question.text.replace("%", "%%")
            self.fields[name] = answer = ParagraphsField(
                label=question.text,
                required=question.is_required,
                max_length=LONGEST_ANSWER,
                rows=2,
                error_messages={
                    "required": f"Answer “{question.text}”.",
                    "max_length": f"Your answer to “{escaped}” can have at most %(limit_value)d "
                    "characters; it has %(show_value)d.",
                },
            )
            style(answer)
        if len(ways) < 2:
            del self.fields["way"]
        else:
            self.fields["way"].choices = [(way.value, way.label) for way in ways]  # type: ignore[attr-defined]
        self.only_way = ways[0].value if ways else ""

    def clean_number(self) -> str:
        number = str(self.cleaned_data["number"])
        if not (_NUMBER.fullmatch(number) and sum(sign.isdigit() for sign in number) >= 6):
            raise forms.ValidationError("Write a telephone number such as +49 30 123456.")
        return number

    def clean(self) -> dict[str, Any]:
        """An answer belongs to the question that its page showed, and to no other one."""
        unasked = {name for name in self.data if name.startswith(ANSWER)} - set(self.asked)
        if any(self.data[name].strip() for name in unasked):
            self.add_error(None, QUESTIONS_CHANGED)
        return super().clean() or self.cleaned_data

    def renew_key(self) -> None:
        """What was sent has come to nothing: sent again, it is another purchase."""
        self.data = {**self.data.dict(), "request_key": new_request_key()}  # type: ignore[attr-defined]

    @property
    def questions(self) -> list[forms.BoundField]:
        """What the expert asks, the telephone number included."""
        return [self[name] for name in ("number", *self.asked) if name in self.fields]

    def fill_in(self, answers: list[tuple[str, str]]) -> None:
        """With what was written before to the same questions."""
        written = dict(answers)
        for field in self.questions:
            self.initial[field.name] = written.get(str(field.label), "")

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """Each question with what was written; what was left empty is not in it."""
        written = ((str(field.label), self.cleaned_data[field.name]) for field in self.questions)
        return tuple((question, answer) for question, answer in written if answer)

    @property
    def provider(self) -> str:
        return str(self.cleaned_data.get("way", self.only_way))
