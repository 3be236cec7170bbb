"""Text from people, made safe to store and to show: one form of each letter, no hidden signs."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms

_KEPT = {"\u200c", "\u200d"}
"""Joiners that some scripts and emoji need; every other invisible sign goes."""


def cleaned(text: str) -> str:
    """NFC with plain line ends; control signs and those that turn the direction are dropped."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return unicodedata.normalize("NFC", "".join(sign for sign in text if _is_kept(sign)))


def one_line(text: str) -> str:
    """For names and subjects: they end up in the header of an e-mail."""
    return " ".join(cleaned(text).split())


def _is_kept(sign: str) -> bool:
    return sign == "\n" or sign in _KEPT or unicodedata.category(sign) not in _DROPPED


_DROPPED = {"Cc", "Cf", "Cs"}


class LineField(forms.CharField):
    def to_python(self, value: Any) -> str:
        return one_line(super().to_python(value) or "")


class NameField(LineField):
    """Somebody's name. E-mails to others begin with it, and mail programs make links of addresses:
    anybody could have us send theirs to a stranger."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if any(sign in value.casefold() for sign in ("://", "www.")):
            raise forms.ValidationError("Write a name without a web address in it.")


class ParagraphsField(forms.CharField):
    def __init__(self, *, rows: int = 5, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return cleaned(super().to_python(value) or "").strip()


class NoteField(ParagraphsField):
    """A few words to the follower, or none."""

    def __init__(self) -> None:
        too_long = {"max_length": "Shorten the note to 500 characters."}
        super().__init__(required=False, max_length=500, error_messages=too_long)
