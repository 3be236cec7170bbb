"""A label with a colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    tone: str
    """One of ok, warn, bad, info, money and plain: the class name ends with it."""
