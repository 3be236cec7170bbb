"""What is rendered once is nobody's in particular."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import RequestContext, engines
from django.test import RequestFactory
from django.urls import set_script_prefix


def rendered(source: str, *contexts: dict[str, Any]) -> list[str]:
    """One template, with one context after the other."""
    made = engines["django"].from_string(source).template
    request = RequestFactory().get("/")
    return [made.render(RequestContext(request, context)) for context in contexts]


def test_a_kept_part_sees_nothing_of_the_page() -> None:
    source = "{% kept %}[{{ name }}{{ csrf_token }}{{ request.path }}]{% endkept %}{{ name }}"
    assert rendered(source, {"name": "Maya"}, {"name": "Lena"}) == ["[]Maya", "[]Lena"]


def test_it_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    monkeypatch.setattr("django.urls.reverse", lambda name, **_: looked_up.append(name) or "/x/")
    assert rendered("{% kept %}{% url 'home' %}{% endkept %}", {}, {}) == ["/x/", "/x/"]
    assert looked_up == ["home"]


def test_templates_that_are_worked_on_are_rendered_each_time(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    looked_up = []
    monkeypatch.setattr("django.urls.reverse", lambda name, **_: looked_up.append(name) or "/x/")
    rendered("{% kept %}{% url 'home' %}{% endkept %}", {}, {})
    assert looked_up == ["home"] * 2


@pytest.fixture
def elsewhere() -> Any:
    yield lambda: set_script_prefix("/calls/")
    set_script_prefix("/")


def test_a_site_under_another_path_has_its_own_addresses(elsewhere: Any) -> None:
    made = engines["django"].from_string("{% kept %}{% url 'sign_in' %}{% endkept %}")
    assert made.render() == "/sign-in/"
    elsewhere()
    assert made.render() == "/calls/sign-in/"
