"""Fields for text from people: cleaned as `plain_text` says, after a look at the length."""

from __future__ import annotations

from typing import Any

from django import forms

from bookings import addresses
from bookings.plain_text import cleaned, has_link, is_blank, one_line, person_name

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
