"""Lets `ModelForm[Expert]` and `ModelAdmin[Booking]` be written: mypy wants the model's name there.

Django's own classes do not take it at run time yet; query sets and managers do, in this same way.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.forms.forms import BaseForm
from django.forms.formsets import BaseFormSet


def _itself(cls: type, names: Any) -> type:
    return cls


def allow_type_arguments() -> None:
    for cls in (BaseForm, BaseFormSet, BaseModelAdmin):
        cls.__class_getitem__ = classmethod(_itself)  # type: ignore[union-attr]
