"""Where Django works differently inside than expected, the ORM runs a statement; the log says so."""

from __future__ import annotations

import logging
import re
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db.models import query
from django.test import Client
from django.urls import reverse

from bookings.database import kept_statements
from bookings.database.kept_statements import KeptQuery, Seen
from bookings.models import Booking, Expert, PrivateLink, TimelineEvent
from bookings.states import State
from tests.builders import HOUR, NOW, make_booking, report

pytestmark = pytest.mark.django_db
get_related_populators: Any = query.get_related_populators


def raises(*args: Any) -> Any:
    raise TypeError("missing 1 required positional argument: 'more'")


def raises_for_a_row(*args: Any) -> list[Any]:
    return [SimpleNamespace(populate=raises)]


def reads_nothing_along(*args: Any) -> list[Any]:
    return []


def reads_something_else(*args: Any) -> list[Any]:
    return [SimpleNamespace(populate=lambda row, one: setattr(one, "code", "TM-2222222"))]


SURPRISES = {
    "is not there": SimpleNamespace(),
    "raises": SimpleNamespace(get_related_populators=raises),
    "raises for a row": SimpleNamespace(get_related_populators=raises_for_a_row),
    "reads nothing along": SimpleNamespace(get_related_populators=reads_nothing_along),
    "reads something else": SimpleNamespace(get_related_populators=reads_something_else),
}


def kept_by_modules() -> list[KeptQuery[Any]]:
    modules = [module for name, module in sys.modules.items() if name.startswith("bookings")]
    return [kept for one in modules for kept in vars(one).values() if isinstance(kept, KeptQuery)]


@pytest.fixture
def begin_anew(monkeypatch: pytest.MonkeyPatch, surprises: list[Exception]) -> Any:
    """As in a new process: nothing is kept yet, and nothing was reported."""

    def begin() -> None:
        for kept in kept_by_modules():
            monkeypatch.setattr(kept, "_of_thread", threading.local())
            monkeypatch.setattr(kept, "_is_text_checked", False)
            monkeypatch.setattr(kept, "_is_reading_checked", False)
            monkeypatch.setattr(kept, "_is_given_up", False)
        monkeypatch.setattr(kept_statements, "_INSERTS", {})
        monkeypatch.setattr(kept_statements, "_UPDATES", {})
        surprises.clear()

    return begin


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "bookings.database.kept_statements" and record.levelno >= logging.WARNING
    ]


def see(client: Client, booking: Booking) -> str:
    response = client.get(reverse("booking", args=[booking.code]))
    assert response.status_code == 200
    return re.sub(r"[A-Za-z0-9]{64}|key=[\w-]+|value=\"[\w-]{20,}\"", "", response.content.decode())


@pytest.mark.parametrize("name", SURPRISES)
def test_a_page_stays_as_it_is_and_one_warning_is_written(
    desk: Client,
    maya: Expert,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    begin_anew: Any,
    surprises: list[Exception],
    name: str,
) -> None:
    booking = report(make_booking(maya))
    with time_machine.travel(NOW + HOUR, tick=False):
        begin_anew()
        expected = see(desk, booking)
        assert (see(desk, booking), surprises) == (expected, [])
        begin_anew()
        monkeypatch.setattr(kept_statements, "orm_query", SURPRISES[name])
        assert [see(desk, booking) for _ in range(3)] == [expected] * 3
    assert len(surprises) >= 1
    [warning] = warnings_of(caplog)
    assert "the answers are the same, but they take longer" in warning


def test_a_surprise_after_the_first_row_gives_the_orms_rows_too(
    monkeypatch: pytest.MonkeyPatch, surprises: list[Exception]
) -> None:
    kept = KeptQuery(lambda pk: Booking.objects.filter(pk=pk).select_related("follower"), 1)
    booking = make_booking()
    assert [kept.first(booking.pk) for _ in range(2)] == [booking] * 2
    assert surprises == []
    monkeypatch.setattr(kept._of_thread.statement, "related", [SimpleNamespace(populate=raises)])
    found = [kept.first(booking.pk) for _ in range(2)]
    assert found == [booking] * 2
    assert [one.follower.name for one in found if one] == [booking.follower.name] * 2
    assert len(surprises) == 1


def moved(self: Seen) -> tuple[str, list[Any]]:
    """Two columns have changed places."""
    sql, parameters = self.sent[0]
    _, first, second, *_ = re.findall(r'(?<=[( ])"\w+"(?=[, ])', sql)  # the table comes first
    return sql.replace(first, "\0").replace(second, first).replace("\0", second), parameters


def one_value_more(self: Seen) -> tuple[str, list[Any]]:
    sql, parameters = self.sent[0]
    return sql, [*parameters, 1]


def not_one_statement(self: Seen) -> Any:
    raise ValueError("2 statements were sent, not one")


@pytest.mark.parametrize("surprise", [moved, one_value_more, not_one_statement])
def test_what_is_written_stays_as_it_is_and_one_warning_is_written(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    begin_anew: Any,
    surprises: list[Exception],
    surprise: Any,
) -> None:
    def written() -> list[Any]:
        """A report inserts and changes rows; twice, so that what was kept is used."""
        found: list[Any] = []
        for _ in range(2):
            booking = report(make_booking())
            booking.refresh_from_db()
            events = TimelineEvent.objects.filter(booking=booking).order_by("id")
            links = PrivateLink.objects.filter(booking=booking).order_by("id")
            found.append((booking.state, booking.version, booking.deadline_at))
            found += events.values_list("verb", "from_state", "to_state", "at")
            found += links.values_list("purpose", "expires_at", "superseded_at")
        return found

    begin_anew()
    expected = written()
    assert (State.NO_SHOW_REPORTED in expected[0], surprises) == (True, [])
    begin_anew()
    with monkeypatch.context() as patched:
        patched.setattr(Seen, "only", surprise)
        assert written() == expected
    assert (
        set(kept_statements._INSERTS.values()) == set(kept_statements._UPDATES.values()) == {None}
    )
    assert len(surprises) >= 3
    assert len(warnings_of(caplog)) == 1


def test_an_answer_that_cannot_be_watched_is_the_orms(surprises: list[Exception]) -> None:
    """Its rows went by unseen: nothing can be compared, so nothing is kept."""
    kept = KeptQuery(lambda pk: Booking.objects.filter(pk=pk), 1)
    booking = make_booking()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Seen, "_share_rows", lambda self, cursor: None)
        assert kept.first(booking.pk) == booking
    assert kept.first(booking.pk) == booking
    assert len(surprises) == 1
