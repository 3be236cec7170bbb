"""The 100,000 most common passwords that are long enough for this site, and the site's own words.

The file has the first five bytes of the SHA-256 of each password in lower case, sorted: half a
megabyte, of which a search reads about twenty pieces. So nothing of it stays in memory. Of a
million other passwords not even one is mistaken for one of these.

It was made by `write` from a list of ten million passwords that were published after break-ins,
ordered by how often they occur; docs/security.md says where that list is from.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.exceptions import ValidationError

from bookings.models import User

FILE = Path(__file__).with_suffix(".bin")
WIDTH = 5
LEAST = 10
"""Characters. Shorter ones are refused because of their length."""
KEPT = 100_000
COMMON = "This is one of the passwords that are tried first. Choose another one."
OF_THE_SITE = "This password is little more than the name of this site. Choose another one."


def is_common(password: str) -> bool:
    wanted = _start_of(password)
    with FILE.open("rb") as file:
        count = file.seek(0, 2) // WIDTH
        place = bisect_left(range(count), wanted, key=lambda index: _read(file, index))
        return place < count and _read(file, place) == wanted


def _read(file: BinaryIO, index: int) -> bytes:
    file.seek(index * WIDTH)
    return file.read(WIDTH)


def _start_of(password: str) -> bytes:
    return hashlib.sha256(password.lower().encode("utf-8", "replace")).digest()[:WIDTH]


def write(path: Path, passwords: Iterable[str]) -> int:
    """From a list in which the most common ones come first; how many were taken."""
    starts: set[bytes] = set()
    for password in passwords:
        if len(password) >= LEAST:
            starts.add(_start_of(password))
        if len(starts) == KEPT:
            break
    path.write_bytes(b"".join(sorted(starts)))
    return len(starts)


# --- the validators -------------------------------------------------------------------------------


class CommonValidator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: User | None = None) -> None:
        if is_common(password):
            raise ValidationError(COMMON, code="password_too_common")

    def get_help_text(self) -> str:
        return "The password must not be one of the most common ones."


FILLERS = "0123456789!?.,-_ *#$%&+@"
"""What people put before and behind a word that is too short."""
OWN_WORDS = ("topmate", "password", "passwort", "bookings", "booking", "calls", "admin", "staff",
             "expert", "welcome")  # fmt: skip


class SiteNameValidator:
    """For AUTH_PASSWORD_VALIDATORS. Whoever attacks a site tries its name first, with a year."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = password.lower()
        for word in sorted(self._words(), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left.strip(FILLERS)) < LEAST // 2 and left != password.lower():
            raise ValidationError(OF_THE_SITE, code="password_of_the_site")

    def _words(self) -> set[str]:
        name = settings.SITE_NAME.lower()
        host = settings.SITE_URL.partition("://")[2].partition(":")[0].lower()
        words = {*OWN_WORDS, name, name.replace(" ", ""), *name.split(), host, *host.split(".")}
        return {word for word in words if len(word) > 3}

    def get_help_text(self) -> str:
        return "The password must not be little more than the name of this site."
