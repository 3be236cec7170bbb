"""Where a page of a list ends: the instant and the id of its last row, as text for a link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Position = tuple[datetime, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


def write(instant: datetime, pk: int) -> str:
    return f"{(instant - _EPOCH) // _MICROSECOND}.{pk}"


def read(text: str) -> Position | None:
    """None for no cursor and for one somebody made up: that is the first page."""
    instant, _, pk = text.partition(".")
    try:
        position = _EPOCH + int(instant) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
    return position if 0 <= position[1] <= _LARGEST_ID else None
