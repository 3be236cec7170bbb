"""The look and the sentences of our fields: a class per kind of widget, and words of our own where
Django's would have to be read together with the label."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import pretty_name
from django.forms.widgets import Input

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
