"""The statements of the lists, written out.

The states are literals, because a database takes a partial index only where it can read the
state; so are the numbers of rows, by which it chooses a plan that is kept (`prepared.py`). The
position in a list is compared as a row, `(ends_at, id) < (…)`, which every page rides along its
index. Putting such a statement together through the ORM takes longer than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from bookings import prepared
from bookings.folding import LOWER
from bookings.lists.extras import Extra
from bookings.lists.keyset import Position
from bookings.models import Booking, Expert

_NOT_SHOWN = {
    "buyer_clock",
    "service",
    "place",
    "external_ref",
    "busy_until",
    "calendar_host",
    "calendar_sequence",
    "next_reminder_at",
    "resume_deadline_at",
    "created_at",
    "updated_at",
}
FIELDS = [field for field in Booking._meta.concrete_fields if field.name not in _NOT_SHOWN]


@dataclass
class Statement:
    """The calls of an expert in one order. Conditions are text of ours; values are parameters."""

    expert: Expert
    order: str
    """The column that a list is sorted by; after it comes the id."""
    extras: tuple[Extra, ...] = ()
    newest_first: bool = False
    conditions: list[str] = field(default_factory=lambda: ["b.expert_id = %s"])
    values: list[Any] = field(default_factory=list)
    edge: datetime | None = None

    def __post_init__(self) -> None:
        self.values.append(self.expert.pk)

    def where(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values

    def begin_at(self, instant: datetime) -> None:
        """The list starts there or later. Of several such instants the last one reached counts:
        SQLite enters an index by one of them only, and not by the best."""
        nearest = min if self.newest_first else max
        self.edge = instant if self.edge is None else nearest(self.edge, instant)

    def after(self, position: Position) -> None:
        self.begin_at(position[0])
        self.where(f"(b.{self.order}, b.id) {self._beyond()} (%s, %s)", *position)

    def up_to(self, position: Position) -> None:
        """The list ends there, with that row."""
        back = ">=" if self.newest_first else "<="
        self.where(f"(b.{self.order}, b.id) {back} (%s, %s)", *position)

    def rows(self, at_most: int) -> list[tuple[Any, ...]]:
        """The calls are chosen first and joined then, which is planned in less time, too."""
        chosen = f"(SELECT b.* FROM bookings_booking b {self._chosen(at_most)})"
        return self._run(f"{self._select(chosen)} {self._sorted(at_most)}")

    def matching(self, text: str, at_most: int) -> list[tuple[Any, ...]]:
        """Those whose follower or code contains `text`. Read in the order of the index, so that
        it ends with the last row that is wanted."""
        pattern = f"%{_like(text)}%"
        lower = LOWER[connection.vendor]
        self.where(
            f"({lower}(CASE WHEN b.buyer_name = '' THEN f.name ELSE b.buyer_name END)"
            f" LIKE {lower}(%s) ESCAPE '!'"
            " OR LOWER(b.code) LIKE LOWER(%s) ESCAPE '!')",
            pattern,
            pattern,
        )
        near = f"""SELECT b.id FROM bookings_booking b
            JOIN bookings_follower f ON f.id = b.follower_id {self._chosen(at_most)}"""
        select = self._select("bookings_booking")
        return self._run(f"{select} WHERE b.id IN ({near}) {self._sorted(at_most)}")

    def position_at(self, number: int) -> Position | None:
        """Where the call `number` of the list stands; None when it has fewer."""
        sql = f"SELECT b.{self.order}, b.id FROM bookings_booking b {self._chosen(1)} OFFSET %s"
        found = self._run(sql, number - 1)
        return (aware(found[0][0]), found[0][1]) if found else None

    def count(self, up_to: int) -> int:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM bookings_booking b {self._chosen(up_to)}) c"
        return int(self._run(sql)[0][0])

    def codes(self, at_most: int) -> list[str]:
        sql = f"SELECT b.code FROM bookings_booking b {self._chosen(at_most)}"
        return [code for (code,) in self._run(sql)]

    def sums(self, now: datetime, up_to: int, *, beside: Statement) -> list[tuple[Any, ...]]:
        """By currency: how many calls, the next deadline, and the money that goes back then.
        A row without a currency has the number of calls in `beside`, which starts nowhere."""
        calls = f"""SELECT b.currency,
                CASE WHEN b.deadline_at > %s THEN b.deadline_at END AS ends_at,
                CASE WHEN b.has_open_report THEN p.captured_minor - p.reserved_minor
                    - p.returned_external_minor END AS minor
            FROM bookings_booking b
            LEFT JOIN bookings_payment p ON p.booking_id = b.id {self._chosen(up_to)}"""
        sql = f"""SELECT currency, count(*), min(ends_at),
                sum(CASE WHEN ends_at IS NOT NULL AND minor > 0 THEN minor ELSE 0 END)
            FROM ({calls}) s GROUP BY currency
            UNION ALL SELECT NULL, count(*), NULL, NULL
            FROM (SELECT 1 FROM bookings_booking b {beside._chosen(up_to)}) c ORDER BY 1"""
        return self._run(sql, *beside.values, first=[now])

    def _select(self, source: str) -> str:
        columns = [f"b.{field.column}" for field in FIELDS]
        columns += ["f.name", "f.time_zone"]
        joins = ["JOIN bookings_follower f ON f.id = b.follower_id"]
        for extra in self.extras:
            columns += extra.columns
            joins.append(extra.joins)
        return f"SELECT {', '.join(columns)} FROM {source} b {' '.join(joins)}"

    def _beyond(self) -> str:
        return "<" if self.newest_first else ">"

    def _chosen(self, at_most: int) -> str:
        edge = f"b.{self.order} {self._beyond()}= %s" if self.edge else None
        conditions = " AND ".join(filter(None, [*self.conditions, edge]))
        return f"WHERE {conditions} {self._sorted(at_most)}"

    def _sorted(self, at_most: int) -> str:
        way = "DESC" if self.newest_first else "ASC"
        return f"ORDER BY b.{self.order} {way}, b.id {way} LIMIT {at_most:d}"

    def _run(self, sql: str, *more: Any, first: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        edge = [self.edge] if self.edge else []
        values = [*map(_adapted, [*first, *self.values, *edge]), *more]
        with prepared.executed(sql, values) as cursor:
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def aware(instant: datetime | str) -> datetime:
    """As it came out of a cursor: SQLite knows no zones and means UTC; a computed one is text."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
