"""Typed reading of environment variables; all mistakes are reported at once, in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """`90s`, `30m`, `72h`, `14d` or a sum such as `1h30m`; raises ValueError."""
    compact = text.replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 30m, 72h or 14d")
    total = timedelta(0)
    for number, unit in parts:
        if float(number) > 1e9:
            raise ValueError(f"{text!r} is longer than ten years")
        total += timedelta(**{_UNITS[unit]: float(number)})
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return total


class Env:
    """Getters that note a problem and go on with the default; `finish()` refuses to start."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.asked: set[str] = set()
        """The names of all variables that anybody has looked at."""

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def has(self, name: str) -> bool:
        self.asked.add(name)
        return bool(self.environ.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """An empty variable counts as not set."""
        self.asked.add(name)
        value = self.environ.get(name, "").strip()
        if "\n" in value or "\r" in value or "\x00" in value:
            self.problem(f"{name} must be one line of text.")
            return default
        return value or default

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value not in _TRUE | _FALSE:
            self.problem(f"{name}={value!r} is neither yes nor no; write 1 or 0.")
        return value in _TRUE

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name)
        if not value:
            return default
        # isdecimal alone takes digits of other scripts, and a sign is never wanted here
        if not (value.isascii() and value.isdecimal() and low <= int(value[:12]) <= high):
            self.problem(f"{name}={value!r} must be a whole number from {low} to {high}.")
            return default
        return int(value)

    def items(self, name: str, default: list[str]) -> list[str]:
        found = [item.strip() for item in self.text(name).split(",")]
        return [item for item in found if item] or default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.problem(f"{name}={value!r} must be one of {', '.join(allowed)}.")
            return default
        return value

    def duration(
        self,
        name: str,
        default: str,
        *,
        low: timedelta = timedelta(seconds=1),
        high: timedelta = _LONGEST,
    ) -> timedelta:
        return self._duration(name, self.text(name, default), default, low, high)

    def durations(self, name: str, default: str) -> tuple[timedelta, ...]:
        """A list, returned longest first and without repeats."""
        texts = self.items(name, default.split(","))
        low, high = timedelta(seconds=1), _LONGEST
        values = {self._duration(name, text, default.split(",")[0], low, high) for text in texts}
        return tuple(sorted(values, reverse=True))

    def _duration(
        self, name: str, text: str, default: str, low: timedelta, high: timedelta
    ) -> timedelta:
        try:
            value = parse_duration(text)
        except ValueError as error:
            self.problem(f"{name}: {error}.")
            return parse_duration(default)
        if not low <= value <= high:
            self.problem(f"{name}={text} must be between {low} and {high} (days, h:mm:ss).")
            return parse_duration(default)
        return value

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> SplitResult:
        """The URL in parts; one that cannot be used is reported and the default returned."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            _ = parts.port  # raises ValueError when it is not a number below 65536
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in schemes:
            # The value itself is not repeated: it may hold a password.
            known = ", ".join(f"{scheme}://" for scheme in schemes)
            self.problem(f"{name} is not a usable URL; it starts with one of {known}.")
            return urlsplit(default)
        return parts

    def finish(self) -> None:
        if self.problems:
            told = "".join(f"\n  - {sentence}" for sentence in self.problems)
            raise ImproperlyConfigured(f"The settings cannot be used:{told}")


def query_of(parts: SplitResult) -> dict[str, str]:
    return dict(parse_qsl(parts.query))


def user_of(parts: SplitResult) -> str:
    return unquote(parts.username or "")


def password_of(parts: SplitResult) -> str:
    return unquote(parts.password or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and nobody else's: `localhost`, with or without names in
    front, and the addresses that never leave a machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback
