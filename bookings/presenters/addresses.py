"""Addresses of a booking's pages, without asking the resolver for every row."""

from __future__ import annotations

from functools import cache

from django.urls import reverse

PLACEHOLDER = "TM-0000000"


@cache
def _around(name: str) -> tuple[str, str]:
    before, after = reverse(name, args=[PLACEHOLDER]).split(PLACEHOLDER)
    return before, after


def of(name: str, code: str, *, source: str = "") -> str:
    """The page `name` of a booking; `source` is the list the reader comes from."""
    before, after = _around(name)
    return f"{before}{code}{after}?from={source}" if source else f"{before}{code}{after}"
