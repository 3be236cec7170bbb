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


def test_it_is_rendered_once_for_each_value_it_names() -> None:
    class Counting:
        calls = 0

        def __call__(self) -> int:
            Counting.calls += 1
            return self.calls

    source = "{% kept counting is_big %}{{ counting }}{% if is_big %}!{% endif %}{% endkept %}"
    counting = Counting()
    page = {"counting": counting}
    shown = rendered(source, page, page, page | {"is_big": True}, page)
    assert shown == ["1", "1", "2!", "1"]


def test_templates_that_are_worked_on_are_rendered_each_time(settings: Any) -> None:
    settings.DEBUG = True
    values = iter("abc")
    page = {"next": lambda: next(values)}
    assert rendered("{% kept next %}{{ next }}{% endkept %}", page, page) == ["a", "b"]


@pytest.fixture
def elsewhere() -> Any:
    yield lambda: set_script_prefix("/calls/")
    set_script_prefix("/")


def test_a_site_under_another_path_has_its_own_addresses(elsewhere: Any) -> None:
    made = engines["django"].from_string("{% kept %}{% url 'sign_in' %}{% endkept %}")
    assert made.render() == "/sign-in/"
    elsewhere()
    assert made.render() == "/calls/sign-in/"
