"""Each look-up that is made all day rides its index. Drop one from a model, and this turns red.

A small table would be read as a whole, so the planner is told not to; what it takes then is the
index it could take with ten million rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bookings import lists
from bookings.lists import PastFilter
from bookings.lists.sql import written
from bookings.models import Booking, Expert, OutboxEmail, ProviderEvent, Refund
from tests.plans import statements

pytestmark = pytest.mark.django_db
NOW = timezone.now()
number = itertools.count()
FAR = timedelta(days=1000)
BACK, AHEAD = written(NOW - FAR, 10**6), written(NOW + FAR, 10**6)
SEARCH = {"search": "nair"}

Look = Callable[[Expert], Any]
LISTS: dict[str, tuple[Look, str]] = {
    "need action": (lambda e: lists.need_action(e), "booking_need_action"),
    "need action, deep": (lambda e: lists.need_action(e, after=AHEAD), "booking_need_action"),
    "need action, search": (lambda e: lists.need_action(e, **SEARCH), "booking_need_action"),
    "badge": (lambda e: lists.need_count(e), "booking_need_action"),
    "sums": (lambda e: lists.open_calls(e, now=NOW), "booking_need_action"),
    "sums, waiting": (lambda e: lists.open_calls(e, now=NOW), "booking_waiting"),
    "codes": (lambda e: lists.codes(e), "booking_need_action"),
    "codes, waiting": (lambda e: lists.codes(e, are_waiting=True), "booking_waiting"),
    "waiting": (lambda e: lists.waiting(e), "booking_waiting"),
    "upcoming": (lambda e: lists.upcoming(e, now=NOW), "booking_by_time"),
    "upcoming, deep": (lambda e: lists.upcoming(e, now=NOW, after=AHEAD), "booking_by_time"),
    "past": (lambda e: past(e), "booking_by_time"),
    "past, deep": (lambda e: past(e, after=BACK), "booking_by_time"),
    "past, search": (lambda e: past(e, **SEARCH), "booking_by_time"),
    "past, to a day": (lambda e: past(e, starts_before=NOW), "booking_by_time"),
    "past, from a day": (lambda e: past(e, starts_from=NOW), "booking_by_time"),
    "past, not confirmed": (lambda e: past(e, outcome="not_confirmed"), "booking_by_time"),
    "past, completed": (lambda e: past(e, outcome="completed"), "booking_by_time"),
    **{
        f"past, {outcome}": (
            lambda e, outcome=outcome: past(e, outcome=outcome),  # type: ignore[misc]
            "booking_by_outcome",
        )
        for outcome in ("waiting", "contested", "refunded", "cancelled", "no_show_reported")
    },
}
SWEEPS: dict[str, tuple[Look, str]] = {
    "overdue": (lambda e: list(Booking.objects.overdue(NOW)[:500]), "booking_deadline"),
    "overdue, further": (
        lambda e: list(Booking.objects.overdue(NOW, after=(NOW, 7))[:500]),
        "booking_deadline",
    ),
    "reminders": (lambda e: list(Booking.objects.reminder_due(NOW)[:500]), "booking_reminder"),
    "refunds": (lambda e: list(Refund.objects.due(NOW)[:500]), "refund_next_attempt"),
    "mail": (lambda e: list(OutboxEmail.objects.due(NOW)[:500]), "outbox_next_attempt"),
    "webhooks": (
        lambda e: list(ProviderEvent.objects.due(NOW)[:50]),
        "provider_event_next_attempt",
    ),
}
ALL = {**LISTS, **SWEEPS}


def past(expert: Expert, *, after: str = "", **wanted: Any) -> lists.Page:
    return lists.past(expert, now=NOW, wanted=PastFilter(**wanted), after=after)


RIVALS = {
    "booking_by_outcome": "booking_by_time",
    "booking_external_ref_once": "bookings_booking_expert_id_2567bd5a",
}
"""what else could be taken while there are few rows"""


def leave_no_other_way(cursor: Any, index: str) -> None:
    """With a handful of rows all indexes cost the same, and any may be taken."""
    for way in ("seqscan", "bitmapscan", "sort"):
        cursor.execute(f"SET LOCAL enable_{way} = off")
    if index in RIVALS:
        cursor.execute(f"DROP INDEX IF EXISTS {RIVALS[index]}")


def plan(sql: str, params: Any, *, index: str = "") -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            leave_no_other_way(cursor, index)
            cursor.execute(f"EXPLAIN {sql}", params)
        else:
            # A text never seen before: an old EXPLAIN would be answered with the old plan.
            cursor.execute(f"EXPLAIN QUERY PLAN {sql} -- {next(number)}", params)
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


def kept_plan(sql: str, params: Any, *, index: str) -> str:
    places = itertools.count(1)
    numbered = re.sub("%s", lambda _: f"${next(places)}", sql)
    with connection.cursor() as cursor:
        leave_no_other_way(cursor, index)
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE look AS {numbered}")
        cursor.execute(f"EXPLAIN EXECUTE look({', '.join(['%s'] * len(params))})", params)
        found = "\n".join(str(line[0]) for line in cursor.fetchall())
        cursor.execute("DEALLOCATE look")
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_look_up_rides_its_index(maya: Expert, name: str) -> None:
    look, index = ALL[name]
    for sql, params in statements(lambda: look(maya)):
        found = plan(sql, params, index=index)
        assert index in found, f"{sql}\n{found}"


@pytest.mark.parametrize("name", LISTS)
def test_a_plan_that_is_kept_rides_it_too(maya: Expert, name: str) -> None:
    """Made for any values at all, as PostgreSQL makes it after a few runs."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite keeps no plans for other values")
    look, index = LISTS[name]
    for sql, params in statements(lambda: look(maya)):
        found = kept_plan(sql, params, index=index)
        assert index in found, f"{sql}\n{found}"
        assert "$" in found, "these are the values themselves"


@pytest.mark.parametrize("index", sorted({index for _, index in ALL.values()}))
def test_without_the_index_the_plan_is_another(maya: Expert, index: str) -> None:
    """The test above can fail."""
    look = next(look for look, name in ALL.values() if name == index)
    sql, params = statements(lambda: look(maya))[0]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
    assert index not in plan(sql, params, index=index)


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("need action", "state = 'no_show_reported'"),
        ("badge", "state = 'no_show_reported'"),
        ("sums", "state = 'no_show_reported'"),
        ("codes", "state = 'no_show_reported'"),
        ("waiting", "state = 'reschedule_offered'"),
        ("sums, waiting", "state = 'reschedule_offered'"),
        ("past, contested", "state = 'contested'"),
    ],
)
def test_the_state_is_a_literal(maya: Expert, name: str, condition: str) -> None:
    """As a parameter of a prepared statement it would hide from the planner."""
    look, _ = LISTS[name]
    for sql, params in statements(lambda: look(maya)):
        assert condition in sql
        assert not {"no_show_reported", "reschedule_offered", "contested"} & set(map(str, params))


@pytest.mark.parametrize("name", ["past, deep", "upcoming, deep", "need action, deep"])
def test_a_deep_page_enters_the_index_where_it_begins(maya: Expert, name: str) -> None:
    """Not at the top, from where it would read up to its rows."""
    look, _ = LISTS[name]
    sql, params = statements(lambda: look(maya))[0]
    column = "deadline_at" if name.startswith("need") else "ends_at"
    found = plan(sql, params)
    if connection.vendor == "postgresql":
        condition = next(line for line in found.splitlines() if "Index Cond" in line)
        assert f"ROW(b.{column}, b.id)" in condition or f"ROW({column}, id)" in condition
    else:  # of two bounds SQLite may enter by the wrong one, so there must be one
        assert re.search(rf"booking_\w+ \(expert_id=\? AND {column}[<>]", found)
        assert len(re.findall(rf"b\.{column} [<>]=? %s", sql)) == 1
        begins_at = NOW - FAR if name.startswith("past") else NOW + FAR
        assert list(params).count(connection.ops.adapt_datetimefield_value(begins_at)) == 2
