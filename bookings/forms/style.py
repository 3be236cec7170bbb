"""The look of our fields: one class per kind of widget."""

from __future__ import annotations

from typing import Any

from django import forms
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
    """Mixed into a form: gives each widget the class of `static/app.css`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # type: ignore[attr-defined]
            style(field)


def style(field: forms.Field) -> None:
    name = next((name for kind, name in _CLASSES if isinstance(field.widget, kind)), "")
    if name:
        field.widget.attrs["class"] = name
