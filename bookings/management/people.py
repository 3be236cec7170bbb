"""Addresses and names on the command line, read as on the pages."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from bookings.forms.fields import AddressField, NameField


def read_address(text: str) -> str:
    try:
        return str(AddressField().clean(text))
    except ValidationError as error:
        raise CommandError(f"{text!r} is no e-mail address. {' '.join(error.messages)}") from error


def read_name(text: str) -> str:
    try:
        return str(NameField(max_length=80).clean(text))
    except ValidationError as error:
        raise CommandError(f"{text!r} is no name. {' '.join(error.messages)}") from error
