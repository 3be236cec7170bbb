"""The way back that a message on the next page offers, as one line of text in its extra tags."""

from __future__ import annotations

from dataclasses import dataclass

ONE = "Undo"
ALL = "Undo all"


@dataclass(frozen=True, slots=True)
class Undo:
    url: str
    until: str
    """After this moment it is refused."""
    label: str = ONE

    def __str__(self) -> str:
        return f"{self.url} {self.until} {self.label}" if self.url else ""


def read(text: str) -> Undo | None:
    """None for a message that cannot be taken back."""
    parts = text.split(" ", 2)
    return Undo(*parts) if len(parts) == 3 else None
