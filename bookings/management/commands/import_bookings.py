"""manage.py import_bookings FILE.csv: bookings from another system (docs/importing.md)."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from bookings import database_time
from bookings.imports import Outcome, import_file
from bookings.imports.file import FileRefused
from bookings.imports.lines import Problem

FILE_REFUSED = 2
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Command(BaseCommand):
    help = (
        "Imports bookings from a CSV file; its columns are in docs/importing.md. Lines imported "
        "before are skipped. Exit status: 0 when every line is in, 1 when lines were refused "
        "(the others are in), 2 when the file cannot be used (nothing is in)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv", help="- for standard input")
        parser.add_argument("--dry-run", action="store_true", help="try it all, then undo it all")
        parser.add_argument(
            "--report",
            type=Path,
            metavar="REPORT.csv",
            help="a new file, for every refusal as well",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_rehearsal = bool(options["dry_run"])
        with ExitStack() as stack:
            report = self._report(options["report"], options["file"], stack)
            try:
                outcome = import_file(
                    options["file"],
                    now=database_time.now(),
                    tell=lambda problem: self._tell(problem, report),
                    progress=self._progress,
                    is_rehearsal=is_rehearsal,
                )
            except FileRefused as refused:
                if options["report"] is not None:
                    options["report"].unlink()  # there is nothing in it
                raise CommandError(
                    f"{refused} Nothing was imported.", returncode=FILE_REFUSED
                ) from None
            except OperationalError as error:
                raise CommandError(
                    f"The database stopped answering: {error} "
                    "Run the import again: what is in already is skipped.",
                    returncode=FILE_REFUSED,
                ) from None
        self.stdout.write(_summary(outcome, is_rehearsal=is_rehearsal))
        if outcome.refused:
            raise CommandError(_many(outcome.refused, "line was", "lines were") + " refused.")

    def _report(self, path: Path | None, source: Path, stack: ExitStack) -> Any:
        """Never over a file that is there: it may be the one to import, under whatever name."""
        if path is None:
            return None
        try:
            if path.absolute() == source.absolute():
                raise FileExistsError
            file = stack.enter_context(path.open("x", encoding="utf-8-sig", newline=""))
        except FileExistsError:
            raise CommandError(
                f"{path} exists already; give the report a name of its own. Nothing was imported.",
                returncode=FILE_REFUSED,
            ) from None
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written: {error.strerror}. Nothing was imported.",
                returncode=FILE_REFUSED,
            ) from None
        report = csv.writer(file)
        report.writerow(("line", "column", "reason", "value"))
        return report

    def _tell(self, problem: Problem, report: Any) -> None:
        where = f"Line {problem.line}" + (f", {problem.column}" if problem.column else "")
        value = f" ({_shown(problem.value)})" if problem.value else ""
        self.stdout.write(f"{where}: {problem.reason}{value}")
        if report is not None:
            row = (problem.column, problem.reason, problem.value[:500])
            report.writerow((problem.line, *(_harmless(text) for text in row)))

    def _progress(self, outcome: Outcome) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{outcome.read:,} lines read", ending="")


def _shown(value: str) -> str:
    """One short line, with what cannot be seen written out."""
    shown = value.encode("unicode_escape").decode() if not value.isprintable() else value
    return repr(shown) if len(shown) <= 80 else f"{shown[:77]!r}..."


def _harmless(text: str) -> str:
    """A spreadsheet must not run what a stranger wrote into a cell."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _summary(outcome: Outcome, *, is_rehearsal: bool) -> str:
    verb = "would be imported" if is_rehearsal else "imported"
    return (
        f"{outcome.read:,} lines read: {outcome.imported:,} {verb}, "
        f"{outcome.already_there:,} already there, {outcome.refused:,} refused."
    )


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
