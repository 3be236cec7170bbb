"""One stylesheet for all pages, made of parts: one place for each selector, and no rule for nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from topmate import stylesheet

NOT_SPELLED_OUT = re.compile(
    r"chip--(ok|warn|bad|info|money|plain)|is-(now|next|failed)|timeline__dot--(ok|money|bad|info|next)"
    r"|htmx-(added|request)"
)
"""Put together in templates from a tone or a place, or set by HTMX."""


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Each selector with its declarations, inside of whatever layers and conditions."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    depth, start, opened = 0, 0, [""]
    for at, char in enumerate(css):
        if char == "{":
            opened.append(re.split(r"[;}]", css[start:at])[-1].strip())
            start, depth = at + 1, depth + 1
        elif char == "}":
            head = opened.pop()
            if not head.startswith("@") and not opened[-1].startswith("@keyframes"):
                for selector in separate(head):
                    yield selector, " ".join(css[start:at].split())
            start, depth = at + 1, depth - 1
    assert depth == 0


def separate(selectors: str) -> list[str]:
    """A list of selectors, cut at the commas that are not inside of brackets."""
    return [" ".join(one.split()) for one in re.split(r",(?![^(]*\))", selectors)]


@pytest.fixture(scope="module")
def parts(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (root / "static" / "css").glob("*.css")}


def test_every_part_is_joined(parts: dict[str, str]) -> None:
    assert sorted(parts) == sorted(stylesheet.PARTS)


def test_nothing_but_comments_and_blanks_is_lost(parts: dict[str, str]) -> None:
    def tight(css: str) -> str:
        return re.sub(r"\s+", "", css)

    kept = [(selector, tight(text)) for selector, text in rules(stylesheet.joined())]
    wanted = [
        (selector, tight(text))
        for part in stylesheet.PARTS
        for selector, text in rules(parts[part])
    ]
    assert len(wanted) > 700
    assert kept == wanted


def test_a_selector_has_one_place(parts: dict[str, str]) -> None:
    places: dict[str, set[str]] = {}
    for part, css in parts.items():
        for selector, _ in rules(css):
            places.setdefault(selector, set()).add(part)
    assert {one: found for one, found in places.items() if len(found) > 1} == {}


def test_no_class_is_for_nobody(root: Path, parts: dict[str, str]) -> None:
    written = "\n".join(
        path.read_text()
        for folder, ending in (("templates", "html"), ("bookings", "py"), ("static", "js"))
        for path in (root / folder).rglob(f"*.{ending}")
    )
    styled = {
        name
        for css in parts.values()
        for selector, _ in rules(css)
        for name in re.findall(r"\.([a-z][\w-]*)", selector)
    }
    words = set(re.findall(r"[\w-]+", written))
    for_nobody = {one for one in styled - words if not NOT_SPELLED_OUT.fullmatch(one)}
    assert len(styled) > 200
    assert sorted(for_nobody) == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/sign-in/", "/help/no-shows/", "/no/such/page"])
def test_a_page_asks_for_one_stylesheet(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert re.findall(r'<link rel="stylesheet" href="([^"]+)">', page) == ["/static/app.css"]


def test_it_is_found_where_nothing_was_collected() -> None:
    found = finders.find("app.css")
    assert isinstance(found, str)
    assert Path(found).read_text() == stylesheet.joined()


def test_it_is_as_old_as_its_newest_part() -> None:
    """A browser asks less often for what has not changed for long."""
    first, second = (finders.find("app.css") for _ in range(2))
    assert first == second
    newest = max(path.stat().st_mtime for path in [*stylesheet.parts(), Path(stylesheet.__file__)])
    assert Path(str(first)).stat().st_mtime == pytest.approx(newest)


def test_it_is_collected_without_its_parts(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (tmp_path / "app.css").read_text() == stylesheet.joined()
    assert not (tmp_path / "css").exists()
    assert (tmp_path / "app.js").exists()
    assert (tmp_path / "admin" / "css" / "base.css").exists()
