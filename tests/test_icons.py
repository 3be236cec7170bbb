"""The tag for icons writes what the pages have, and every icon they name is there."""

from __future__ import annotations

import re
from pathlib import Path

from django.template import Context, engines

NAMED = re.compile(r'\{% icon "([a-z-]+)"')


def rendered(source: str, **context: str) -> str:
    return engines["django"].from_string(source).template.render(Context(context))


def test_an_icon_is_for_the_eye_alone() -> None:
    assert rendered('{% icon "clock" %}') == (
        '<svg class="icon" aria-hidden="true"><use href="/static/icons.svg#i-clock"/></svg>'
    )
    assert rendered("{% icon step small=True %}", step="bank") == (
        '<svg class="icon icon--s" aria-hidden="true"><use href="/static/icons.svg#i-bank"/></svg>'
    )


def test_every_icon_that_a_template_names_is_drawn(root: Path) -> None:
    drawn = re.findall(r'<symbol id="i-([a-z-]+)"', (root / "static" / "icons.svg").read_text())
    named = {
        name
        for path in (root / "templates").rglob("*.html")
        for name in NAMED.findall(path.read_text())
    }
    assert len(named) > 20
    assert sorted(named - set(drawn)) == []


def test_templates_write_icons_by_the_tag_alone(root: Path) -> None:
    by_hand = [
        path.name
        for path in (root / "templates").rglob("*.html")
        if "icons.svg" in path.read_text() and path.name != "_brand.html"
    ]
    assert by_hand == []
