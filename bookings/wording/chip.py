"""A label with a colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    tone: str
    """ok, warn, bad, info, money or plain: the ending of the class name"""
