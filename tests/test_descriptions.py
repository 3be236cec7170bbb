"""Each public page says in one sentence what it is, for search engines and link previews."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from bookings.models import Expert
from tests.builders import make_service

pytestmark = pytest.mark.django_db


def descriptions(client: Client, address: str) -> list[str]:
    page = client.get(address).content.decode()
    return re.findall(r'<meta name="description" content="([^"]+)">', page)


@pytest.mark.parametrize("name", ["home", "help_no_shows", "help_followers", "shop", "buy"])
def test_a_public_page_describes_itself(client: Client, maya: Expert, name: str) -> None:
    service = make_service(maya, price_minor=0)
    arguments = {
        "shop": {"slug": maya.slug},
        "buy": {"slug": maya.slug, "service_id": service.pk},
    }
    found = descriptions(client, reverse(name, kwargs=arguments.get(name)))
    assert len(found) == 1
    assert 50 <= len(found[0]) <= 160
    assert found[0].endswith(".")


def test_a_page_that_is_not_public_has_none(client: Client) -> None:
    assert descriptions(client, reverse("sign_in")) == []
