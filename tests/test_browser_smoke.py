"""The harness itself: a real browser gets a page with its styles and finds nothing to complain of."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

pytestmark = pytest.mark.browser


@pytest.mark.django_db(transaction=True)
def test_the_sign_in_page_loads_whole_under_the_strict_policy(page: Any, live_server: Any) -> None:
    complaints: list[str] = []
    refused: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda r: refused.append(r.url) if r.status >= 400 else None)
    page.goto(live_server.url + reverse("sign_in"))
    assert page.locator("input[type=password]").count() == 1
    assert page.evaluate("document.styleSheets.length") >= 1
    assert (complaints, refused) == ([], [])
