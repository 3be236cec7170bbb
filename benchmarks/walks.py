"""How far five everyday things walk through bookings/: files entered, functions called, and
hops from one file to another. And how large the code is.

    python -m benchmarks.walks

Counted, not timed: the figures are the same on every machine. Each thing is done once before it is
counted, so that what is put together once (templates, kept statements) is not counted.
"""

from __future__ import annotations

import ast
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BOOKINGS = str(ROOT / "bookings") + os.sep
GOALS = {
    "page": (20, 80, 100),
    "click": (28, 110, 70),
    "e-mail": (12, 70, 60),
    "refund": (14, 80, 50),
    "sweep": (23, 87, 81),
}
"""Files, functions and hops to stay at or under."""


@dataclass
class Walk:
    """What one thing called in bookings/."""

    files: set[str] = field(default_factory=set)
    functions: set[tuple[str, str, int]] = field(default_factory=set)
    hops: int = 0

    def take(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(BOOKINGS) or frame.f_code.co_name == "<module>":
            return
        self.files.add(name)
        self.functions.add((name, frame.f_code.co_qualname, frame.f_code.co_firstlineno))
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(BOOKINGS):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != name:
            self.hops += 1


def walked(act: Callable[[], object]) -> Walk:
    walk = Walk()
    sys.setprofile(walk.take)
    try:
        act()
    finally:
        sys.setprofile(None)
    return walk


# --- the five things ------------------------------------------------------------------------------


def walks() -> Iterator[tuple[str, Walk]]:
    from django.test import Client
    from django.utils import timezone

    from bookings import emails, sweeps
    from bookings import refunds as engine
    from bookings.models import OutboxEmail, Refund
    from tests import builders

    now = timezone.now().replace(microsecond=0)
    maya = builders.make_expert(email="maya@example.com")
    calls = [_past(maya, now, number) for number in range(7)]
    for call in calls[:4]:
        builders.report(call, now=now)
    desk = Client(SERVER_NAME="localhost")
    desk.force_login(maya.user)
    yield "page", _second(lambda: desk.get("/need-action/"))
    yield "click", _mark(desk, calls[0].code, calls[1].code)
    reported = OutboxEmail.objects.filter(kind="no_show_reported").order_by("-pk")
    mails = iter(reported.values_list("pk", flat=True))
    yield "e-mail", _second(lambda: _done(emails.deliver_all([next(mails)], now=timezone.now())))

    old = [_past(maya, now - timedelta(days=5), number) for number in range(8)]
    for call in old[:4]:
        builders.report(call, now=now - timedelta(days=4))
    sweeps.run_deadlines(now=now)
    refunds = iter(Refund.objects.values_list("pk", flat=True))
    yield "refund", _second(lambda: _done(engine.drive([next(refunds)], now=timezone.now())))
    for call in old[4:6]:
        builders.report(call, now=now - timedelta(days=4))
    yield "sweep", walked(lambda: _done(sweeps.run_deadlines(now=now)))


def _done(count: int) -> None:
    """A walk that ended at once because nothing was due says nothing."""
    assert count, "Nothing was done."


def _past(expert: Any, now: datetime, number: int) -> Any:
    from tests import builders

    return builders.make_booking(expert, now=now, starts_at=now - timedelta(hours=2 + 2 * number))


def _second(act: Callable[[], object]) -> Walk:
    act()
    return walked(act)


def _mark(desk: Any, first: str, second: str) -> Walk:
    """Mark a reported call as held in the planned room, as the dialog sends it."""

    def press(code: str) -> None:
        from bookings import formats
        from bookings.models import Booking

        local = formats.local(Booking.objects.get(code=code).starts_at, "Asia/Kolkata")
        answer = desk.post(
            f"/bookings/{code}/mark-completed/",
            {
                "outcome": "held_here",
                "held_at": f"{local:%Y-%m-%dT%H:%M}",
                "minutes": "45",
                "request_key": str(uuid.uuid4()),
            },
            headers={"HX-Request": "true"},
        )
        assert answer.status_code == 200, answer.content.decode()[:2000]

    press(first)
    return walked(lambda: press(second))


# --- how large the code is ------------------------------------------------------------------------


def own_files() -> list[Path]:
    """Of the product, without migrations."""
    found = (path for name in ("bookings", "topmate") for path in (ROOT / name).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def code_lines(path: Path) -> int:
    """Lines that are no blank, no comment, no docstring and no import."""
    text = path.read_text()
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        )
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in left_out and line.strip()[:1] not in ("", "#"))


def with_one_importer(paths: list[Path]) -> list[str]:
    """Files that exactly one other file imports; packages and entry points are no files here."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    importers: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for wanted in _imported(name, path):
            if wanted in importers and wanted != name:
                importers[wanted].add(name)
    return sorted(name for name, by in importers.items() if len(by) == 1)


def _imported(name: str, path: Path) -> Iterator[str]:
    package = name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, node.module or ""]).strip(".")
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def main() -> None:
    paths = own_files()
    print(f"{'files':<24}{len(paths):>7}")
    print(f"{'physical lines':<24}{sum(len(p.read_text().splitlines()) for p in paths):>7,}")
    print(f"{'lines of code':<24}{sum(map(code_lines, paths)):>7,}")
    print(f"{'files with one importer':<24}{len(with_one_importer(paths)):>7}")
    if "--importers" in sys.argv:
        print(*with_one_importer(paths), sep="\n")
    print(f"\n{'':<10}{'files':>7}{'functions':>11}{'hops':>7}   goal")
    for name, walk in walks():
        goal = " / ".join(map(str, GOALS[name]))
        print(f"{name:<10}{len(walk.files):>7}{len(walk.functions):>11}{walk.hops:>7}   {goal}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="walks-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "topmate.settings"}
        for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL"):
            os.environ.pop(name, None)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        main()
