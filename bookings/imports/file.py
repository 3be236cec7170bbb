"""From a file, a pipe or standard input to lines of text values. A file is refused only for what
concerns all of it: its bytes are looked through before a line of them is read.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from bookings.plain_text import is_blank, one_line

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
LONGEST_HEADER = 100_000
SHOWN = 5
"""So many unknown columns are named, however many there are."""
_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t ]*', re.IGNORECASE)
"""What spreadsheets write above the header, to tell each other what stands between the values."""
STANDARD_INPUT = "-"
LARGEST_PIPE = 1024**3
"""Bytes. What comes through a pipe is kept until it has been looked through."""
_CHUNK = 1024 * 1024
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class FileRefused(Exception):
    """The file cannot be used; `str()` is a sentence. Nothing was imported."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    """The number of its first line in the file, where the very first one is 1."""
    values: dict[str, str]
    error: str = ""
    """Why the line has no values."""


@contextmanager
def opened(path: Path) -> Iterator[Iterator[Line]]:
    """Every line behind the header but empty ones; one line in memory at a time."""
    with _checked(path) as file, _field_limit(LONGEST_FIELD):
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            yield _read(text)
        finally:
            text.detach()


def _read(file: IO[str]) -> Iterator[Line]:
    above, separator = 0, ""
    while not _columns_in(first := file.readline(LONGEST_HEADER)):
        if not first:
            raise FileRefused("The first line must name the columns.")
        if found := _SEPARATOR.fullmatch(first.strip("\ufeff\r\n")):
            separator = found[1]
        above += 1
    if separator not in first or not separator:
        separator = max(",;\t", key=first.count)
    reader = csv.reader(chain([first], file), delimiter=separator, strict=True)
    try:
        header = next(reader)
    except csv.Error:
        raise FileRefused("The first line must name the columns.") from None
    return _lines(reader, _columns(header), above=above)


def _columns_in(line: str) -> bool:
    """Not in an empty one, nor in one of empty values."""
    is_separator = _SEPARATOR.fullmatch(line.strip("\ufeff\r\n"))
    return not is_separator and not is_blank(re.sub(r'[,;\t"]', "", line))


def _lines(reader: Iterator[list[str]], names: list[str], *, above: int) -> Iterator[Line]:
    """`above`: so many lines stand above the header."""
    number = above + reader.line_num  # type: ignore[attr-defined]
    while True:
        first, values = number + 1, None
        error = ""
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            error = _csv_sentence(str(problem))
        number = above + reader.line_num  # type: ignore[attr-defined]
        if values is None:
            if number > first:
                error += f" Lines {first} to {number} were taken for one."
            yield Line(first, {}, error)
        elif any(value.strip() for value in values):
            yield _line(first, values, names)


def _line(number: int, values: list[str], names: list[str]) -> Line:
    """Spreadsheets leave out empty values at the end of a line, or add some."""
    found = "1 value" if len(values) == 1 else f"{len(values)} values"
    while len(values) > len(names) and is_blank(values[-1]):
        values.pop()
    left_out = names[len(values) :]
    if len(values) > len(names) or any(name in REQUIRED for name in left_out):
        return Line(number, {}, f"It has {found}, the header names {len(names)} columns.")
    texts = [value.strip(" \t") for value in values] + [""] * len(left_out)
    for at, (name, text) in enumerate(zip(names, texts, strict=True), start=1):
        if not name and not is_blank(text):
            return Line(number, {}, f"It has a value in column {at}, which has no name.")
    return Line(number, {name: text for name, text in zip(names, texts, strict=True) if name})


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
    names = [_column(text) for text in header]
    while names and not names[-1]:
        names.pop()
    known = (*REQUIRED, *OPTIONAL)
    if unknown := [name for name in names if name and name not in known]:
        hints = [_hint(name, known) for name in unknown[:SHOWN]]
        if len(unknown) > SHOWN:
            hints.append(f"and {len(unknown) - SHOWN:,} more")
        raise FileRefused(f"Unknown {_plural('column', hints)} in the first line: {_and(hints)}.")
    if missing := [name for name in REQUIRED if name not in names]:
        raise FileRefused(f"The file lacks the {_plural('column', missing)} {_and(missing)}.")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise FileRefused(f"Named twice in the first line: {_and(twice)}.")
    return names


def _column(text: str) -> str:
    """Gives follower_name for Follower Name too, and for one with signs in it that nobody sees."""
    plain = unicodedata.normalize("NFKC", one_line(text[:LONGEST_FIELD])).lower()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


def _hint(name: str, known: tuple[str, ...]) -> str:
    shown = repr(name[:60])
    close = difflib.get_close_matches(name[:60], known, n=1)
    return f"{shown} (did you mean {close[0]}?)" if close else shown


def _and(names: list[str]) -> str:
    return ", ".join(names)


def _plural(word: str, items: list[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


@contextmanager
def _field_limit(limit: int) -> Iterator[None]:
    """The csv module keeps this limit for the whole process."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# --- the bytes ------------------------------------------------------------------------------------


@contextmanager
def _checked(path: Path) -> Iterator[IO[bytes]]:
    """At its beginning; all of it is UTF-8."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_source(path))
            _check_encoding(file)
            file.seek(0)
        except OSError as error:
            name = "Standard input" if str(path) == STANDARD_INPUT else str(path)
            raise FileRefused(f"{name} cannot be read: {error.strerror or error}.") from None
        yield file


@contextmanager
def _source(path: Path) -> Iterator[IO[bytes]]:
    if str(path) == STANDARD_INPUT:
        with _kept(sys.stdin.buffer) as file:
            yield file
        return
    with path.open("rb") as source:
        if source.seekable():
            yield source
        else:
            with _kept(source) as file:
                yield file


@contextmanager
def _kept(source: IO[bytes]) -> Iterator[IO[bytes]]:
    """A pipe can be read once, and it is read twice."""
    with tempfile.TemporaryFile() as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            if file.tell() > LARGEST_PIPE:
                raise FileRefused("That is more than 1 GiB; import it from a file.")
        file.seek(0)
        yield file


def _check_encoding(file: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, is_first, ends_in_cr = 1, True, False
    while chunk := file.read(_CHUNK):
        if is_first:
            _check_kind(chunk)
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line += _line_ends(error.object[: error.start])
            raise FileRefused(
                f"Line {line} is not UTF-8. Save the file as CSV UTF-8 and try again."
            ) from None
        line += _line_ends(chunk) - (ends_in_cr and chunk.startswith(b"\n"))
        is_first, ends_in_cr = False, chunk.endswith(b"\r")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise FileRefused("The file ends in the middle of a UTF-8 character.") from None


def _check_kind(start: bytes) -> None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start[:4]:
        raise FileRefused("The file is UTF-16; save it as CSV UTF-8.")
    if start.startswith(_WORKBOOKS):
        raise FileRefused("The file is a workbook; save it as CSV UTF-8.")


def _line_ends(data: bytes) -> int:
    return len(_LINE_END.findall(data))
