"""From a file to lines of text values. A file is refused only for what concerns all of it."""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

REQUIRED = (
    "external_ref",
    "expert_email",
    "follower_name",
    "follower_email",
    "service_title",
    "duration_minutes",
    "starts_at",
    "price",
    "currency",
)
OPTIONAL = (
    "follower_time_zone",
    "time_zone",
    "provider",
    "payment_ref",
    "payment_method",
    "paid_at",
    "state",
    "place",
)
LONGEST_FIELD = 10_000
_CHUNK = 1024 * 1024


class FileRefused(Exception):
    """The file cannot be used; `str()` is a sentence. Nothing was imported."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    """of its first line in the file, the header being 1"""
    values: dict[str, str]
    error: str = ""
    """why the line has no values"""


def read(path: Path) -> Iterator[Line]:
    """Every line but the header and empty ones; one line in memory at a time."""
    _check_encoding(path)
    with _open(path) as file, _field_limit(LONGEST_FIELD):
        delimiter = _delimiter(file)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader)
        except (StopIteration, csv.Error):
            raise FileRefused("The first line must name the columns.") from None
        names = _columns(header)
        yield from _lines(reader, names)


def _lines(reader: Iterator[list[str]], names: list[str]) -> Iterator[Line]:
    number = reader.line_num  # type: ignore[attr-defined]
    while True:
        first, values = number + 1, None
        error = ""
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            error = _csv_sentence(str(problem))
        number = reader.line_num  # type: ignore[attr-defined]
        if values is None:
            if number > first:
                error += f" Lines {first} to {number} were taken for one."
            yield Line(first, {}, error)
        elif len(values) == len(names):
            if any(value.strip() for value in values):
                yield Line(first, {n: v.strip(" \t") for n, v in zip(names, values, strict=True)})
        elif any(value.strip() for value in values):
            found = "1 value" if len(values) == 1 else f"{len(values)} values"
            yield Line(first, {}, f"It has {found}, the header names {len(names)} columns.")


def _csv_sentence(problem: str) -> str:
    if "field limit" in problem:
        return (
            f"A value is longer than {LONGEST_FIELD:,} characters; "
            "perhaps a quotation mark is not closed."
        )
    if "unexpected end" in problem:
        return "A quotation mark is not closed."
    return "Its quotation marks do not match; a quotation mark inside a value is written twice."


def _columns(header: list[str]) -> list[str]:
    names = [name.strip().lower() for name in header]
    known = (*REQUIRED, *OPTIONAL)
    if unknown := [name for name in names if name not in known]:
        hints = [_hint(name, known) for name in unknown]
        raise FileRefused(f"Unknown {_plural('column', hints)} in the first line: {_and(hints)}.")
    if missing := [name for name in REQUIRED if name not in names]:
        raise FileRefused(f"The file lacks the {_plural('column', missing)} {_and(missing)}.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FileRefused(f"Named twice in the first line: {_and(twice)}.")
    return names


def _hint(name: str, known: tuple[str, ...]) -> str:
    shown = repr(name[:60])
    close = difflib.get_close_matches(name, known, n=1)
    return f"{shown} (did you mean {close[0]}?)" if close else shown


def _and(names: list[str]) -> str:
    return ", ".join(names)


def _plural(word: str, items: list[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


def _delimiter(file: IO[str]) -> str:
    """Spreadsheets write a semicolon or a tab in some countries."""
    first = file.readline(LONGEST_FIELD)
    file.seek(0)
    return max(",;\t", key=first.count)


def _open(path: Path) -> IO[str]:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}.") from None


def _check_encoding(path: Path) -> None:
    """Before anything is imported: all of the file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if line == 1 and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise FileRefused("The file is UTF-16; save it as CSV UTF-8.")
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    line += error.object[: error.start].count(b"\n")
                    raise FileRefused(
                        f"Line {line} is not UTF-8. Save the file as CSV UTF-8 and try again."
                    ) from None
                line += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise FileRefused("The file ends in the middle of a UTF-8 character.") from None
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}.") from None


@contextmanager
def _field_limit(limit: int) -> Iterator[None]:
    """The csv module keeps this limit for the whole process."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)
