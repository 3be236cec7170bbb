"""A queryset that was put together once gives what it gives when it is put together anew."""

from __future__ import annotations

import threading
from copy import copy
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import F, Model, QuerySet

from bookings import links as links_module
from bookings.database import kept_statements
from bookings.database.kept_statements import KeptQuery
from bookings.models import Booking, DateOverride, Expert, OutboxEmail, PrivateLink, TimelineEvent
from bookings.states import State
from tests.builders import DAY, NOW, make_in_state

pytestmark = pytest.mark.django_db


def events(booking_id: int) -> QuerySet[TimelineEvent]:
    return TimelineEvent.objects.filter(booking_id=booking_id).select_related("refund")


def own(expert_id: int, code: str) -> QuerySet[Booking]:
    return Booking.objects.filter(expert_id=expert_id, code=code).select_related(
        "follower", "payment"
    )


def columns(row: Model | None) -> dict[str, Any]:
    return (
        {}
        if row is None
        else {field.attname: getattr(row, field.attname) for field in row._meta.fields}
    )


def test_rows_and_what_belongs_to_them_are_the_same(django_assert_num_queries: Any) -> None:
    kept_events, kept_own = KeptQuery(events, 1), KeptQuery(own, 1, "TM-0000000")
    for state in State:
        booking = make_in_state(state)
        plain = list(events(booking.pk))
        with django_assert_num_queries(1):
            kept = kept_events(booking.pk)
            refunds = [columns(getattr(event, "refund", None)) for event in kept]
        assert [columns(event) for event in kept] == [columns(event) for event in plain]
        assert refunds == [columns(getattr(event, "refund", None)) for event in plain]
        with django_assert_num_queries(1):
            found = kept_own.first(booking.expert_id, booking.code)
            assert found is not None
            people = columns(found.follower), columns(getattr(found, "payment", None))
        expected = own(booking.expert_id, booking.code).get()
        assert columns(found) == columns(expected)
        assert people == (
            columns(expected.follower),
            columns(getattr(expected, "payment", None)),
        )


def test_every_value_counts() -> None:
    kept = KeptQuery(own, 1, "TM-0000000")
    mine, other = make_in_state(State.SCHEDULED), make_in_state(State.COMPLETED)
    assert kept.first(mine.expert_id, mine.code) == mine
    assert kept.first(other.expert_id, other.code) == other
    assert kept.first(mine.expert_id + other.expert_id + 1, mine.code) is None
    assert kept.first(mine.expert_id, "TM-XXXXXXX") is None


def test_a_name_that_is_the_same_each_time_stands_in_the_text(
    surprises: list[Exception], django_assert_num_queries: Any
) -> None:
    """A partial index is only used for what stands there."""
    kept = KeptQuery(lambda pk: Booking.objects.filter(pk=pk, state="scheduled"), 1)
    mine, other = make_in_state(State.SCHEDULED), make_in_state(State.COMPLETED)
    assert (kept(mine.pk), kept(other.pk)) == ([mine], [])
    with django_assert_num_queries(1) as asked:
        assert (kept(mine.pk), surprises) == ([mine], [])
    assert "= 'scheduled'" in asked[0]["sql"]
    statement = kept._statement()
    assert statement is not None
    assert "= 'scheduled'" in statement.sql


@pytest.mark.parametrize("constant", ["it's", "10%s", "", "ſ", "A", 7])
def test_a_statement_with_another_constant_is_not_kept(
    constant: Any, surprises: list[Exception]
) -> None:
    kept = (
        KeptQuery(lambda pk: Booking.objects.filter(pk=pk).exclude(price_minor=constant), 1)
        if (isinstance(constant, int))
        else KeptQuery(lambda pk: Booking.objects.filter(pk=pk).exclude(buyer_name=constant), 1)
    )
    mine = make_in_state(State.SCHEDULED)
    for _ in range(2):
        assert kept(mine.pk) == ([] if constant == mine.buyer_name else [mine])
    assert ["neither one of the values nor a name" in str(no) for no in surprises] == [True]


def test_a_value_that_is_not_asked_for_is_not_kept(surprises: list[Exception]) -> None:
    kept = KeptQuery(lambda pk, _: Booking.objects.filter(pk=pk), 1, 2)
    mine = make_in_state(State.SCHEDULED)
    assert kept(mine.pk, 5) == [mine]
    assert ["are not the values" in str(no) for no in surprises] == [True]


def test_rows_of_values_and_instants_are_the_same(
    surprises: list[Exception], django_assert_num_queries: Any
) -> None:
    def times(before: Any) -> QuerySet[Booking, Any]:
        asked = Booking.objects.filter(starts_at__lt=before)
        return asked.order_by("id").values_list("starts_at", "code", "policy")

    def days(since: Any) -> QuerySet[DateOverride, Any]:
        return DateOverride.objects.filter(date__gte=since).values_list("date", "starts_local")

    starts = [make_in_state(state).starts_at for state in State]
    expert = Expert.objects.latest("id")
    for number in range(3):
        expert.date_overrides.create(date=NOW.date() + number * DAY)
    kept_times, kept_days = KeptQuery(times, NOW), KeptQuery(days, NOW.date())
    for number in (0, 1, 2):
        before, since = max(starts) + number * DAY, NOW.date() + number * DAY
        expected = list(times(before)), list(days(since))
        with django_assert_num_queries(2):
            assert (kept_times(before), kept_days(since)) == expected
        assert [len(rows) for rows in expected] == [len(starts) - (number == 0), 3 - number]
    assert surprises == []


def test_a_statement_that_finds_nothing_is_kept_and_its_first_rows_are_checked(
    surprises: list[Exception], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    kept = KeptQuery(own, 1, "TM-0000000")
    made: list[int] = []
    monkeypatch.setattr(kept, "_make", lambda *values: made.append(1) or own(*values))
    for _ in range(3):
        assert kept(1, "TM-XXXXXXX") == []
    assert len(made) == 2  # put together, and run by the ORM once
    booking = make_in_state(State.SCHEDULED)
    for expected in (2, 1):  # the rows are looked at beside the ORM's, then believed
        with django_assert_num_queries(expected):
            assert kept(booking.expert_id, booking.code) == [booking]
    assert (len(made), surprises) == (3, [])


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_through_its_own_connection() -> None:
    kept = KeptQuery(own, 1, "TM-0000000")
    booking = make_in_state(State.SCHEDULED)
    assert kept.first(booking.expert_id, booking.code) == booking
    found = []

    def look() -> None:
        try:
            found.append(kept.first(booking.expert_id, booking.code))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [booking] * 3


def test_a_row_is_inserted_as_bulk_create_inserts_it() -> None:
    booking = make_in_state(State.SCHEDULED)

    def link(purpose: str) -> PrivateLink:
        return PrivateLink(
            booking=booking, purpose=purpose, created_at=NOW, expires_at=NOW + DAY, used_at=NOW
        )

    def event() -> TimelineEvent:
        data = {"a": [1, None, "ü"]}
        return TimelineEvent(booking=booking, verb="note", actor_kind="system", data=data, at=NOW)

    booking.links.all().delete()
    for kept, plain in ((link("pick"), link("contest")), (event(), event())):
        inserted = kept_statements.insert([kept])
        type(plain)._default_manager.bulk_create([plain])
        assert inserted == [kept]
        assert not kept._state.adding
        seen = [type(row)._default_manager.get(pk=row.pk) for row in (kept, plain)]
        own = {"id", "key", "purpose"}
        ours, theirs = ({k: v for k, v in columns(row).items() if k not in own} for row in seen)
        assert ours == theirs
        assert {k: v for k, v in columns(kept).items() if k not in own} == ours


def test_no_row_or_several_are_inserted_too() -> None:
    booking = make_in_state(State.SCHEDULED)
    at_first = booking.events.count()
    assert list(kept_statements.insert([])) == []
    one = TimelineEvent(booking=booking, verb="note", actor_kind="system", at=NOW)
    assert len(kept_statements.insert([one, copy(one)])) == 2
    assert booking.events.count() == at_first + 2


def test_a_refused_row_takes_its_transaction_back() -> None:
    booking = make_in_state(State.SCHEDULED)
    event = TimelineEvent(booking=booking, verb="x", actor_kind="system", request_key="k", at=NOW)
    kept_statements.insert([event])
    again = copy(event)
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        kept_statements.insert([again])
    assert booking.events.filter(request_key="k").count() == 1


UPDATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"purpose": "report"}, {"used_at": NOW, "expires_at": NOW + DAY}),
    "null": ({"purpose": "report"}, {"superseded_at": None, "used_at": NOW}),
    "list": ({"purpose__in": ["report", "status"]}, {"used_at": NOW}),
    "is null": ({"purpose": "status", "used_at__isnull": True}, {"superseded_at": NOW}),
    "is not null": ({"purpose": "status", "used_at__isnull": False}, {"superseded_at": NOW}),
    "nobody": ({"purpose__in": []}, {"used_at": NOW}),
    "many": ({"purpose__in": ["report", "status", "pick", "contest"]}, {"used_at": NOW}),
    "expression": ({"purpose": "report"}, {"used_at": F("created_at")}),
}


@pytest.mark.parametrize("name", UPDATES)
def test_rows_are_changed_as_the_orm_changes_them(name: str) -> None:
    where, values = UPDATES[name]

    def links() -> list[dict[str, Any]]:
        return [columns(link) for link in PrivateLink.objects.order_by("id")]

    ours, other = make_in_state(State.SCHEDULED), make_in_state(State.COMPLETED)
    PrivateLink.objects.all().delete()
    for booking in (ours, other):
        for purpose in ("report", "status"):
            links_module.issue(booking, purpose, now=NOW - DAY)
    own = {**where, "booking_id": ours.pk}
    before = links()
    with transaction.atomic():
        expected = PrivateLink.objects.filter(**own).update(**values), links()
        transaction.set_rollback(True)
    for _ in range(2):  # put together, then kept
        with transaction.atomic():
            assert (kept_statements.update(PrivateLink, own, values), links()) == expected
            transaction.set_rollback(True)
        assert links() == before


def test_a_row_of_another_event_is_named_by_its_id() -> None:
    booking = make_in_state(State.COMPLETED)
    event = booking.events.latest("id")
    where = {"booking_id__in": [booking.pk]}
    assert (
        kept_statements.update(PrivateLink, where, {"superseded_by": event})
        == booking.links.count()
    )
    assert {link.superseded_by for link in booking.links.all()} == {event}


def test_a_condition_on_nothing_is_refused() -> None:
    """A column is asked for NULL with `__isnull`."""
    for wanted in ("report", None, None):
        where = {"purpose": wanted}
        if wanted:
            kept_statements.update(PrivateLink, where, {"used_at": NOW})
        else:
            with pytest.raises(ValueError, match="write __isnull"):
                kept_statements.update(PrivateLink, where, {"used_at": NOW})


def test_what_is_there_already_is_not_inserted_again() -> None:
    def mail(number: int) -> OutboxEmail:
        return OutboxEmail(
            kind="booked",
            audience="staff",
            dedupe_key="one",
            message_id=str(number),
            created_at=NOW,
        )

    first, again, among_others = mail(1), mail(2), mail(3)
    kept_statements.insert([first], once="dedupe_key")
    kept_statements.insert([again], once="dedupe_key")
    other = mail(4)
    other.dedupe_key = "other"
    kept_statements.insert([among_others, other], once="dedupe_key")
    assert first.pk == again.pk == among_others.pk
    assert OutboxEmail.objects.get(dedupe_key="one").message_id == "1"
    assert OutboxEmail.objects.count() == 2
