"""Values nobody means: an answer for each, and never another amount than was written."""

from __future__ import annotations

import pytest
from django import forms
from django.test import Client

from bookings.forms.actions import to_minor


@pytest.mark.django_db
@pytest.mark.parametrize(
    "back", ["nowhere", "1e309", "-1", "a\x00b", "' OR 1=1--", "x" * 500, "need_action", "?a", "."]
)
def test_a_way_back_that_is_no_path_leads_home(client: Client, back: str) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": back})
    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert client.cookies["theme"].value == "dark"


@pytest.mark.parametrize(
    "text", ["0,50", "5,00", "1,5", "1,", ",5", "12,34.5", "1.500,00", "1_0", "1e3"]
)
def test_a_decimal_comma_is_not_read_as_a_hundred_times_more(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        to_minor(text, "EUR")


@pytest.mark.parametrize(
    ("text", "minor"), [("1,500", 150000), ("1,00,000.50", 10000050), ("1 500", 150000)]
)
def test_thousands_may_be_grouped(text: str, minor: int) -> None:
    assert to_minor(text, "INR") == minor
