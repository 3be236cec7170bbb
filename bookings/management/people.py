"""Reads addresses and names on the command line in the same way as the pages do."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from bookings.forms.fields import AddressField, NameField
from bookings.models import Expert, longest


def read_address(text: str) -> str:
    try:
        return str(AddressField().clean(text))
    except ValidationError as error:
        raise CommandError(
            f"{text!r} is not an e-mail address. {' '.join(error.messages)}"
        ) from error


def read_name(text: str) -> str:
    try:
        return str(NameField(max_length=longest(Expert, "name")).clean(text))
    except ValidationError as error:
        raise CommandError(f"{text!r} is not a name. {' '.join(error.messages)}") from error
