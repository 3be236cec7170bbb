"""The bytes of a file, a pipe or standard input, looked through before a line of them is read."""

from __future__ import annotations

import codecs
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

STANDARD_INPUT = "-"
LARGEST_PIPE = 1024**3
"""Bytes. What comes through a pipe is kept until it has been looked through."""
_CHUNK = 1024 * 1024
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class FileRefused(Exception):
    """The file cannot be used; `str()` is a sentence. Nothing was imported."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
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
