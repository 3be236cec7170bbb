"""The statements of the lists, written out, and bookings out of their rows.

The states are literals, because a database takes a partial index only where it can read the
state; so are the numbers of rows, by which it chooses a plan that is kept (`prepared.py`). The
position in a list is compared as a row, `(ends_at, id) < (…)`, which every page rides along its
index. Putting such a statement together through the ORM takes longer than running it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import DateTimeField, Model
from django.db.models.base import ModelState

from bookings.database import prepared
from bookings.database.connections import LOWER
from bookings.models import Booking, Expert, Follower, Payment
from bookings.policy import Policy, unreadable

M = TypeVar("M", bound=Model)

# --- Where a page of a list ends: the instant and the id of its last row, as text for a link ------

Position = tuple[datetime, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


def written(instant: datetime, pk: int) -> str:
    return f"{(instant - _EPOCH) // _MICROSECOND}.{pk}"


def read_position(text: str) -> Position | None:
    """None for no cursor and for one somebody made up: that is the first page."""
    instant, _, pk = text.partition(".")
    try:
        position = _EPOCH + int(instant) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
    return position if 0 <= position[1] <= _LARGEST_ID else None


# --- The statements -------------------------------------------------------------------------------

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


@dataclass(frozen=True, slots=True)
class Extra:
    """What a row shows besides the booking: further columns, put onto the booking."""

    columns: tuple[str, ...]
    joins: str
    attach: Callable[[Booking, Sequence[Any]], None]
    """Attaches the values of the columns to the booking."""


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


# --- Bookings out of the rows of a statement, as far as a list shows them -------------------------

_NAMES = [field.attname for field in FIELDS]
_INSTANTS = [field.attname for field in FIELDS if isinstance(field, DateTimeField)]
_NAME = len(FIELDS)


def read_bookings(rows: Iterable[Sequence[Any]], statement: Statement) -> Iterator[Booking]:
    in_force = tuple(settings.POLICY.items())
    for row in rows:
        values = dict(zip(_NAMES, row, strict=False))
        for name in _INSTANTS:
            if (instant := values[name]) is not None:
                values[name] = aware(instant)
        values |= _policy(values["policy"], in_force)
        who = {"id": values["follower_id"], "name": row[_NAME], "time_zone": row[_NAME + 1]}
        follower = _made(Follower, who)
        booking = _made(Booking, values, expert=statement.expert, follower=follower)
        at = _NAME + 2
        for extra in statement.extras:
            extra.attach(booking, row[at : at + len(extra.columns)])
            at += len(extra.columns)
        yield booking


@lru_cache(maxsize=256)
def _policy(text: str, in_force: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Nearly all bookings of a page were made under the same limits: they are read once.

    `in_force` is part of the key, because a limit that is missing is the one in force.
    """
    stored = json.loads(text)
    return {
        "policy": stored,
        "limits": Policy.from_json(stored),
        "unreadable_limits": unreadable(stored),
    }


def _made(model: type[M], values: dict[str, Any], **related: Any) -> M:
    """What `from_db` makes of a saved row, with what it points to, in a fifth of the time: without
    a loop over every field and without signals, which nobody here listens to. A column that is
    missing in `values` is loaded when it is read.
    """
    instance = model.__new__(model)
    state = ModelState()
    state.db, state.adding, state.fields_cache = DEFAULT_DB_ALIAS, False, related
    instance.__dict__.update(values, _state=state)
    return instance


# --- What a row shows besides the booking ---------------------------------------------------------
# `last_change`, `last_refund`, `report_reason` and `report_text` are attributes that a booking has
# only here; of its payment the amounts are loaded.

_PAYMENT: Any = Booking._meta.get_field("payment")
_AMOUNTS = ("id", "captured_minor", "reserved_minor", "returned_external_minor")


def _attach_report(booking: Booking, values: Sequence[Any]) -> None:
    *amounts, reason, text = values
    is_paid = amounts[0] is not None
    payment = _made(Payment, dict(zip(_AMOUNTS, amounts, strict=True))) if is_paid else None
    _PAYMENT.set_cached_value(booking, payment)
    booking.report_reason, booking.report_text = reason, text  # type: ignore[attr-defined]


def _attach_history(booking: Booking, values: Sequence[Any]) -> None:
    verb, actor_kind, data, refund_state, hold_reason = values
    if verb:
        facts = json.loads(data)
        booking.last_change = {  # type: ignore[attr-defined]
            "verb": verb,
            "actor_kind": actor_kind,
            "outcome": facts.get("outcome"),
            "channel": facts.get("channel"),
        }
    if refund_state:
        refund = {"state": refund_state, "hold_reason": hold_reason}
        booking.last_refund = refund  # type: ignore[attr-defined]


REPORT = Extra(
    (*(f"p.{name}" for name in _AMOUNTS), "n.reason", "n.text"),
    """LEFT JOIN bookings_payment p ON p.booking_id = b.id
    LEFT JOIN bookings_noshowreport n ON n.booking_id = b.id AND n.outcome = 'open'""",
    _attach_report,
)
"""The money at stake, and the words of the open report."""
HISTORY = Extra(
    ("e.verb", "e.actor_kind", "e.data", "r.state", "r.hold_reason"),
    """LEFT JOIN bookings_timelineevent e ON e.id =
        CASE WHEN b.state IN ('completed', 'refunded', 'cancelled') THEN (
            SELECT max(id) FROM bookings_timelineevent
            WHERE booking_id = b.id AND to_state <> '') END
    LEFT JOIN bookings_refund r ON r.id =
        CASE WHEN b.state IN ('refunded', 'cancelled') THEN (
            SELECT max(id) FROM bookings_refund
            WHERE booking_id = b.id AND state <> 'void') END""",
    _attach_history,
)
"""The last change of state and the latest refund, for the second line of the label."""
