"""Named moments at which a process may die. The chaos tests put a killer here."""

from __future__ import annotations

POINTS = (
    "refund_inserted",
    "claimed",
    "listed",
    "marked",
    "answered",
    "recording",
    "recorded",
    "sweep_began",
    "deadlines_done",
)


def reached(point: str) -> None:
    """Nothing happens."""
