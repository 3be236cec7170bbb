"""What several forms share: text from people, dates and times, and how fields look and speak."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.forms.utils import pretty_name
from django.forms.widgets import Input

from bookings import addresses
from bookings.plain_text import cleaned, has_link, is_blank, one_line, person_name
from bookings.zones import zone_info

# --- text, cleaned as `plain_text` says, after a look at the length -------------------------------

LINK_IN_A_NAME = (
    "Write a name without a web address, an e-mail address or a telephone number in it."
)
COMPOSED_OF = 3
"""So many signs can become one letter; a text that is longer stays too long when it is cleaned."""
LONGEST = 5000
"""The bound of a field that names none."""


class _TextField(forms.CharField):
    """The length is looked at before anything that takes longer with every sign."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        longest = LONGEST if self.max_length is None else self.max_length
        if len(text) > COMPOSED_OF * longest:
            self.run_validators(text)  # says it in the words of this field
            raise forms.ValidationError(f"Write at most {longest:,} characters.")
        return self.clean_text(text)

    def clean_text(self, text: str) -> str:
        raise NotImplementedError


class LineField(_TextField):
    def clean_text(self, text: str) -> str:
        return one_line(text)


class NameField(LineField):
    """Somebody's name."""

    def clean_text(self, text: str) -> str:
        return person_name(text)

    def validate(self, value: str) -> None:
        super().validate(value)
        if has_link(value):
            raise forms.ValidationError(LINK_IN_A_NAME)


class ParagraphsField(_TextField):
    def __init__(self, *, rows: int = 5, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        super().__init__(**kwargs)

    def clean_text(self, text: str) -> str:
        return "" if is_blank(text) else cleaned(text).strip()


class NoteField(ParagraphsField):
    """A few words to the follower, or none."""

    def __init__(self) -> None:
        too_long = {"max_length": "Shorten the note to 500 characters."}
        super().__init__(required=False, max_length=500, error_messages=too_long)


class AddressField(forms.EmailField):
    """An e-mail address that mail can be sent to, as it was typed."""

    default_error_messages = {"invalid": "Write an e-mail address like name@example.com."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", addresses.LONGEST)
        super().__init__(**kwargs)
        self.validators = []  # `read` knows all of it

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        if text in self.empty_values:
            return text
        try:
            return addresses.read(text)
        except addresses.NotAnAddress as error:
            raise forms.ValidationError(
                error.sentence or self.error_messages["invalid"], code="invalid"
            ) from error


# --- dates and times ------------------------------------------------------------------------------

INPUT_FORMAT = "%Y-%m-%dT%H:%M"
OUR_TIME = (1970, 2200)
"""Years. Beyond them date arithmetic ends in errors, and nobody means them."""
_LOCAL = re.compile(
    r"(\d{4,6})-(\d\d?)-(\d\d?)[T ](\d\d?):(\d\d)(?::\d\d(?:\.\d{1,6})?)?", re.ASCII
)
"""What browsers send; theirs count to the year 275760."""
_DAY = re.compile(r"(\d{4,6})-\d\d?-\d\d?", re.ASCII)


def check_year(field: forms.Field, year: int) -> None:
    """A year that nobody means, said by the field's sentence `past` or `too_far`."""
    if year < OUR_TIME[0]:
        raise forms.ValidationError(field.error_messages["past"], code="past")
    if year > OUR_TIME[1]:
        raise forms.ValidationError(field.error_messages["too_far"], code="too_far")


class DayField(forms.DateField):
    """A date. One of another age is told as such, with one sentence for each direction."""

    default_error_messages = {
        "invalid": "Write a date, as in 2026-11-26.",
        "past": "This date is in the past.",
        "too_far": "This date is too far ahead.",
    }

    def to_python(self, value: Any) -> date | None:
        if found := _DAY.fullmatch(str(value or "").strip()):
            check_year(self, int(found[1]))
        day = super().to_python(value)
        if day is not None:
            check_year(self, day.year)
        return day


class LocalDateTimeField(forms.Field):
    """A wall time in a person's zone; an instant in UTC once cleaned.

    A time the clocks skip is refused. Of a time that comes twice the one closer to `near` is
    meant, and without that the first one. Seconds, which some browsers send, are cut: a page that
    shows the time to the minute could not name it.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=INPUT_FORMAT)
    default_error_messages = {
        "invalid": "Write a date and a time, as in 2026-11-26T16:00.",
        "past": "This time is in the past.",
        "too_far": "This time is too far ahead.",
    }

    def __init__(self, *, zone: str = "UTC", near: datetime | None = None, **options: Any) -> None:
        self.zone, self.near = zone_info(zone), near
        super().__init__(**options)

    def to_python(self, value: Any) -> datetime | None:
        text = str(value).strip() if value else ""
        if not text:
            return None
        local = self._parsed(text)
        first, second = (
            local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if first.astimezone(self.zone).replace(tzinfo=None) != local:
            raise forms.ValidationError(
                f"The clocks go forward then: {local:%H:%M} does not exist on that day."
            )
        near = self.near or first
        return min(first, second, key=lambda instant: abs(instant - near))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(self.zone).strftime(INPUT_FORMAT)
        return value

    def _parsed(self, text: str) -> datetime:
        if found := _LOCAL.fullmatch(text):
            check_year(self, int(found[1]))
            try:
                year, month, day, hour, minute = map(int, found.groups())
                return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - its zone comes after
            except ValueError:
                pass
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


# --- forms ----------------------------------------------------------------------------------------


class ActionForm(forms.Form):
    """A form of an action. `problems` is what its error summary lists."""

    def problems(self) -> list[tuple[str, str]]:
        """(anchor of the field, sentence), in the order of the fields."""
        found = []
        for name, sentences in self.errors.items():
            anchor = self._anchor(name)
            found += [(anchor, str(sentence)) for sentence in sentences]
        return found

    def _anchor(self, name: str) -> str:
        if name not in self.fields:
            return ""
        bound = self[name]
        is_group = isinstance(bound.field.widget, forms.RadioSelect)
        return f"{bound.auto_id}_0" if is_group else bound.auto_id


_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, ""),
    (forms.RadioSelect, ""),
    (forms.HiddenInput, ""),
    (forms.Textarea, "textarea"),
    (forms.Select, "select"),
    (Input, "input"),
)


class Styled:
    """Mixed into a form: gives each widget its class of `css/forms.css`, each field its words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            style(field)
            _speak(field, str(field.label or pretty_name(name)))


def style(field: forms.Field) -> None:
    name = next((name for kind, name in _CLASSES if isinstance(field.widget, kind)), "")
    if name:
        field.widget.attrs["class"] = name


_OF_DJANGO = {
    code: message
    for kind in (forms.Field, forms.ChoiceField, forms.TypedChoiceField, forms.IntegerField)
    for code, message in kind.default_error_messages.items()
}


def _speak(field: forms.Field, label: str) -> None:
    """A sentence that can stand by itself, in the list above a form, for whatever says none."""
    sentences = {
        "required": f"Fill in “{label}”.",
        "invalid_choice": f"Choose one of the options for “{label}”.",
        "max_length": f"“{label}” can have at most %(limit_value)d characters; it has "
        "%(show_value)d.",
        "min_value": f"“{label}” must be at least %(limit_value)s.",
        "max_value": f"“{label}” must be at most %(limit_value)s.",
    }
    if isinstance(field, forms.IntegerField):
        sentences["invalid"] = f"Write a whole number for “{label}”."
    for code, sentence in sentences.items():
        if field.error_messages.get(code) == _OF_DJANGO.get(code):
            field.error_messages[code] = sentence
