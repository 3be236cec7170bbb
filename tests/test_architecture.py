"""A module of bookings/ imports only from lower levels, and below the pages nobody knows HTTP. The
product knows nothing of its tests.

A new module needs a line in LEVELS; put it as low as its imports allow.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BOOKINGS = ROOT / "bookings"
PRODUCT = (BOOKINGS, ROOT / "topmate", ROOT / "manage.py")
LEVELS: dict[str, int] = {
    name: level
    for level, names in enumerate(
        [
            "states policy free_times fan_out zones plain_text addresses devices metrics",
            "models",
            "database staff_acts",
            "clocks formats timeline gateways database_time printed_passwords unreadable"
            " common_passwords places photos outages ping",
            "links slots rules calendar intake lists",
            "wording",
            "emails hours shop",
            "refunds clock_check setup erasing sign_ins",
            "checkouts figures",
            "provider_events alarms",
            "tasks",
            "lifecycle helpdesk reminders invitations second_factor housekeeping",
            "sweeps imports invariants unsent signed_in rate_limits forms presenters personal_data",
            "access signing_in",
            "views demo_inbox admin staff_site demo demo_sign_ins templatetags context",
            "urls management apps",
        ]
    )
    for name in names.split()
}
PAGES = LEVELS["forms"]  # from here on HTTP and forms may be known
OF_THE_PAGES = ("django.http", "django.forms", "django.shortcuts")
FREE = {"migrations", "__init__"}


def modules() -> dict[str, list[Path]]:
    """Each name at the top of bookings/ with all its files."""
    found: dict[str, list[Path]] = {}
    for path in sorted(BOOKINGS.rglob("*.py")):
        name = path.relative_to(BOOKINGS).with_suffix("").parts[0]
        if name not in FREE:
            found.setdefault(name, []).append(path)
    return found


def imported(path: Path) -> Iterator[str]:
    """Full names of what the file imports, also inside functions; typing-only ones are free."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*base, node.module or ""]).strip(".")
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def own_module(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "bookings" and len(parts) > 1 and parts[1] in LEVELS else None


def test_every_module_has_a_level() -> None:
    assert sorted(set(modules()) - set(LEVELS)) == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_only_from_lower_levels(name: str) -> None:
    level = LEVELS.get(name, 0)
    wrong = {
        f"{path.relative_to(BOOKINGS)} imports {other}"
        for path in modules()[name]
        for other in filter(None, map(own_module, imported(path)))
        if other != name and LEVELS[other] >= level
    }
    assert sorted(wrong) == []


@pytest.mark.parametrize("name", sorted(n for n in modules() if LEVELS.get(n, 0) < PAGES))
def test_below_the_pages_nobody_knows_http(name: str) -> None:
    wrong = {
        f"{path.relative_to(BOOKINGS)} imports {other}"
        for path in modules()[name]
        for other in imported(path)
        if other.startswith((*OF_THE_PAGES, "topmate"))
    }
    assert sorted(wrong) == []


def files_of(*places: Path) -> list[Path]:
    return [
        path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place])
    ]


def test_the_product_imports_nothing_from_its_tests_and_benchmarks() -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files_of(*PRODUCT)
        for other in imported(path)
        if other.split(".")[0] in ("tests", "benchmarks")
    }
    assert sorted(wrong) == []


def test_the_stand_in_of_the_providers_knows_nothing_of_the_site() -> None:
    """Only what tests do with it knows the gateways, and the command line the site's keys."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files_of(ROOT / "tests" / "provider")
        for other in imported(path)
        if other.split(".")[0] in ("bookings", "topmate", "django")
        and path.name not in ("running.py", "__main__.py")
    }
    assert sorted(wrong) == []


def test_everything_goes_by_the_clock_of_the_database() -> None:
    """`timezone.now()` is the clock of one machine, which may be wrong."""
    own_clock = {
        str(path.relative_to(BOOKINGS))
        for name, paths in modules().items()
        for path in paths
        if name != "database_time" and "timezone.now()" in path.read_text()
    }
    assert sorted(own_clock) == []


def test_a_booking_shows_the_follower_as_its_buyer() -> None:
    """Whose address it is may be known by another name; see tests/test_buyers_of_bookings.py."""
    stored = re.compile(r"booking\.follower\.(name|first_name|time_zone|clock)\b")
    found = [
        path.name for path in sorted(BOOKINGS.rglob("*.py")) if stored.search(path.read_text())
    ]
    assert found == ["booking.py"]


def named_in_the_page() -> list[tuple[str, str]]:
    """What docs/architecture.md names as `file: function`, or as a file alone."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    found = re.findall(r"`((?:bookings|topmate)/[\w/]+(?:\.py|/))(?:: (\w+))?`", page)
    return sorted(set(found))


@pytest.mark.parametrize(("file", "name"), named_in_the_page())
def test_what_the_page_on_architecture_names_is_there(file: str, name: str) -> None:
    assert (ROOT / file).exists()
    if name:
        defined = {
            getattr(target, "id", "")
            for node in ast.parse((ROOT / file).read_text()).body
            for target in [*getattr(node, "targets", []), getattr(node, "target", None)]
        } | {getattr(node, "name", "") for node in ast.parse((ROOT / file).read_text()).body}
        assert name in defined
