"""The bars around an expert's page are kept between requests: each reader still gets their own."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from bookings.templatetags import page as tags
from tests.builders import make_booking, make_expert, report

pytestmark = pytest.mark.django_db


def signed_in(name: str) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_expert(name, email=f"{name.split()[0].lower()}@example.com").user)
    return client


def page(client: Client, address: str = "/need-action/") -> str:
    return client.get(address).content.decode()


def tokens(html: str) -> list[str]:
    return re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html)


def test_two_experts_see_their_own_names() -> None:
    maya, lukas = signed_in("Maya Fernandes"), signed_in("Lukas Weber")
    for _ in range(2):
        assert "maya@example.com" in page(maya)
        assert "lukas@example.com" in page(lukas)
        assert "maya@" not in page(lukas)


def test_the_token_is_the_visitors_and_works() -> None:
    maya, lukas = signed_in("Maya Fernandes"), signed_in("Lukas Weber")
    hers, his = tokens(page(maya))[0], tokens(page(lukas))[0]
    assert hers != his
    assert tags.TOKEN not in page(maya)
    theirs = {"csrfmiddlewaretoken": his, "theme": "dark", "next": "/need-action/"}
    assert maya.post("/theme/", theirs).status_code == 403
    own = {**theirs, "csrfmiddlewaretoken": hers}
    assert maya.post("/theme/", own).status_code == 302
    assert 'data-theme="dark"' in page(maya)
    assert "Switch to light theme" in page(maya)
    assert "Switch to dark theme" not in page(maya)


def test_the_entry_for_the_theme_names_what_it_does() -> None:
    maya = signed_in("Maya Fernandes")
    for theme, offered in (("dark", ["light"]), ("light", ["dark"]), ("system", ["light", "dark"])):
        maya.cookies["theme"] = theme
        found = re.findall(r'name="theme" value="(\w+)"([^>]*)>Switch to (\w+) theme<', page(maya))
        assert [value for value, _, _ in found] == offered
        assert all(value == word for value, _, word in found)
        # Where the device decides, the style sheet shows the one that is not there now.
        classes = [attributes.strip() for _, attributes, _ in found]
        alone = theme != "system"
        assert classes == ([""] if alone else ['class="to-light"', 'class="to-dark"'])


def test_the_address_is_the_one_of_this_page() -> None:
    maya = signed_in("Maya Fernandes")
    page(maya)
    html = page(maya, '/completed-calls/?search="><b>')
    assert 'name="next" value="/completed-calls/?search=%22%3E%3Cb%3E"' in html
    assert tags.ADDRESS not in html


def test_the_count_and_the_lit_tab_follow() -> None:
    expert = make_expert()
    client = Client()
    client.force_login(expert.user)
    assert 'class="count count--hot"' not in page(client)
    report(make_booking(expert))
    assert 'class="count count--hot"' in page(client)
    assert page(client, "/upcoming/").count('aria-current="page">Upcoming') == 1
