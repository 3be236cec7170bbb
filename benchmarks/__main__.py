"""python -m benchmarks PART: one part of the bench, or the short set of all of them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import measure
from benchmarks.databases import ROOT, place
from benchmarks.transport import gunicorn

PARTS = ("pages", "sweep", "throughput", "slots", "import")
LINES_OF_THE_SHORT_SET = 10_000
APART = ("profile", "scale", "ten-times", "sqlite")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", default="short", choices=["short", *PARTS, *APART])
    parser.add_argument("--bookings", type=int, default=1_000_000)
    parser.add_argument("--database", default="postgresql", choices=["postgresql", "sqlite"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where databases are kept; var/benchmarks")
    parser.add_argument("--lines", type=int, default=100_000, help="for import")
    parser.add_argument("--page", default="completed calls", help="for profile")
    parser.add_argument("--slow", default="", help="queries with this text in them ...")
    parser.add_argument("--slow-by", type=float, default=2, help="... take so many ms longer")
    return parser.parse_args()


def folder_of(options: argparse.Namespace) -> Path:
    found = options.folder or Path(os.environ.get("DATA_DIR") or ROOT / "var") / "benchmarks"
    return Path(found)


@contextmanager
def site(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Django set up on a copy of the generated database, with a broker; its environment."""
    vendor = options.database
    with ExitStack() as stack:
        where = stack.enter_context(place(folder_of(options), with_postgres=vendor == "postgresql"))
        copy = stack.enter_context(where.copy_of(where.generated(options.bookings, vendor), vendor))
        environment = where.environment(
            where.url(copy, vendor),
            REDIS_URL=_broker(stack),
            BREAKER_LEAST="1000000",  # ten thousand refunds an hour are meant here
        )
        os.environ.clear()
        os.environ.update(environment)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("collectstatic", interactive=False, verbosity=0)
        try:
            yield environment
        finally:
            from django.db import connections

            connections.close_all()


def _broker(stack: ExitStack) -> str:
    from tests import servers

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
    try:
        running = servers.start_redis(Path(folder))
    except servers.Missing as missing:
        raise SystemExit(f"No broker: {missing}") from missing
    stack.callback(running.stop)
    return running.url


def run_pages(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import pages, visits

    print("\nThrough the whole handler of one process")
    found = pages.run(rounds=options.rounds, slow=options.slow, slow_by=options.slow_by / 1000)
    print("\nOver HTTP, gunicorn with one worker")
    over_http = [*visits.pages(), visits.action(3)]
    with gunicorn(environment) as (transport, _):
        pages.print_table(pages.measure(over_http, transport, rounds=options.rounds))
    return found


def run_sweep(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import sweep

    return sweep.run(rounds=options.rounds)


def run_throughput(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import throughput

    return throughput.run(rounds=min(3, options.rounds))


def run_slots(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import slots

    return slots.run(rounds=options.rounds)


def run_scale(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import scale

    return scale.run(rounds=min(3, options.rounds))


def run_import(options: argparse.Namespace, environment: dict[str, str]) -> list[measure.Goal]:
    from benchmarks import imports

    return imports.run(lines=options.lines)


RUN = {
    "pages": run_pages,
    "sweep": run_sweep,
    "throughput": run_throughput,
    "slots": run_slots,
    "import": run_import,
    "scale": run_scale,
}


def run_compare(options: argparse.Namespace) -> list[measure.Goal]:
    from benchmarks import compare

    first = (options.bookings, "postgresql")
    second = (options.bookings, "sqlite")
    if options.part == "ten-times":
        second = (10 * options.bookings, "postgresql")
    with place(folder_of(options), with_postgres=True) as where:
        return compare.run(where, first, second, rounds=options.rounds)


def run_short() -> int:
    """Each part in a process of its own: what one leaves in memory is not another's."""
    began = time.monotonic()
    lines = [] if "--lines" in sys.argv else ["--lines", str(LINES_OF_THE_SHORT_SET)]
    options = [argument for argument in sys.argv[1:] if argument != "short"]
    missed = []
    for part in PARTS:
        print(f"\n=== {part}", flush=True)
        command = [sys.executable, "-m", "benchmarks", part, *options, *lines]
        if subprocess.call(command, cwd=ROOT) != 0:
            missed.append(part)
    print(f"\nAll parts after {time.monotonic() - began:.0f} s.", end=" ")
    print(f"Goals were missed in: {', '.join(missed)}" if missed else "Every goal was met.")
    return 1 if missed else 0


def main() -> int:
    options = arguments()
    if options.part == "short":
        return run_short()
    began = time.monotonic()
    found: list[measure.Goal] = []
    if options.part in ("ten-times", "sqlite"):
        found = run_compare(options)
    else:
        with site(options) as environment:
            print(f"{options.bookings:,} bookings on {options.database}")
            if options.part == "profile":
                from benchmarks import pages

                pages.profile(options.page)
                return 0
            found = RUN[options.part](options, environment)
    print(f"\nAfter {time.monotonic() - began:.0f} s:")
    missed = measure.verdict(found)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
