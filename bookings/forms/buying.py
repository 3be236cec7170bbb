"""What somebody sends who buys a call."""

from __future__ import annotations

from typing import Any

from django import forms

from bookings.forms.follower import PickForm, new_request_key
from bookings.forms.text import AddressField, NameField
from bookings.models import Checkout, Provider

_name = Checkout._meta.get_field("name")


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

    def __init__(self, *args: Any, ways: list[Provider], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(ways) < 2:
            del self.fields["way"]
        else:
            self.fields["way"].choices = [(way.value, way.label) for way in ways]  # type: ignore[attr-defined]
        self.only_way = ways[0].value if ways else ""

    def renew_key(self) -> None:
        """What was sent has come to nothing: sent again, it is another purchase."""
        self.data = {**self.data.dict(), "request_key": new_request_key()}  # type: ignore[attr-defined]

    @property
    def provider(self) -> str:
        return str(self.cleaned_data.get("way", self.only_way))
