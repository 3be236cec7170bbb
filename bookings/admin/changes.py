"""What a form of the admin changes, from what to what, for the list of what staff did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.utils import pretty_name

from bookings.staff_acts import Change

LONGEST = 300
"""Characters of a value."""
NO_CHANGE = ("reason", "request_key", "id", "DELETE")


def changes_in(form: Any, formsets: Any) -> list[Change]:
    found = list(_of_form(form, ""))
    for formset in formsets or ():
        for row in formset.initial_forms:
            if row in formset.deleted_forms:
                found.append((_text(str(row.instance)), "", "deleted"))
            elif row.has_changed():
                found += _of_form(row, f"{row.instance}: ")
        found += [(_text(str(added)), "", "added") for added in getattr(formset, "new_objects", ())]
    return found


def _of_form(form: Any, of: str) -> Iterator[Change]:
    for name in form.changed_data:
        if name in NO_CHANGE:
            continue
        field = form.fields.get(name)
        label = _text(f"{of}{(field and field.label) or pretty_name(name)}")
        if "password" in name:
            yield label, "", "a new one"
        else:
            yield (
                label,
                _shown(field, form.initial.get(name)),
                _shown(field, form.cleaned_data.get(name)),
            )


def _shown(field: forms.Field | None, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, forms.ModelMultipleChoiceField):
        return _text(", ".join(sorted(str(one) for one in _rows(field, value))))
    if isinstance(field, forms.ModelChoiceField) and not hasattr(value, "pk"):
        return _text(", ".join(str(one) for one in _rows(field, [value])))
    return _text(str(value))


def _rows(field: Any, value: Any) -> Any:
    keys = [getattr(one, "pk", one) for one in value]
    return field.queryset.model._default_manager.filter(pk__in=keys)


def _text(text: str) -> str:
    return text[:LONGEST]
