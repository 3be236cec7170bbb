"""A wall time that the clocks show twice names the one that is meant, wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import formats, links
from bookings.forms.fields import LocalDateTimeField
from bookings.models import Booking, CompletionMark
from bookings.presenters.picker import Choice, picker
from bookings.wording.reader import Reader
from tests.builders import DAY, HOUR, MINUTE, make_booking, make_expert, make_follower, report
from tests.follower_pages import address, read
from tests.outbox_rows import rendered

FIRST = datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
SECOND = FIRST + HOUR
"""1:30 am in New York, before and after the clocks go back."""
NEW_YORK = "America/New_York"
SEEN_AT = FIRST - 2 * DAY
BOTH = pytest.mark.parametrize(
    ("starts_at", "letters"), [(FIRST, "EDT"), (SECOND, "EST")], ids=["first", "second"]
)


@pytest.mark.parametrize(
    ("zone", "first", "apart", "texts"),
    [
        (NEW_YORK, "2027-11-07T05:30", 60, ("1:30 am EDT", "1:30 am EST")),
        ("Europe/Berlin", "2027-10-31T00:30", 60, ("2:30 am CEST", "2:30 am CET")),
        ("Europe/Dublin", "2027-10-31T00:30", 60, ("1:30 am IST", "1:30 am GMT")),
        ("Australia/Lord_Howe", "2027-04-03T14:45", 30, ("1:45 am UTC+11:00", "1:45 am UTC+10:30")),
        ("America/Santiago", "2027-04-04T02:30", 60, ("11:30 pm UTC-03:00", "11:30 pm UTC-04:00")),
        ("Africa/Casablanca", "2027-02-07T01:30", 60, ("2:30 am UTC+01:00", "2:30 am UTC+00:00")),
        ("Pacific/Auckland", "2027-04-03T13:30", 60, ("2:30 am NZDT", "2:30 am NZST")),
        # Both sides of this one were called MSK.
        ("Europe/Moscow", "2014-10-25T21:30", 60, ("1:30 am UTC+04:00", "1:30 am UTC+03:00")),
    ],
)  # fmt: skip
def test_a_time_that_comes_twice_is_named(
    zone: str, first: str, apart: int, texts: tuple[str, str]
) -> None:
    at = datetime.fromisoformat(f"{first}+00:00")
    both = [at, at + apart * MINUTE]
    assert len({formats.local(instant, zone).replace(tzinfo=None, fold=0) for instant in both}) == 1
    assert tuple(formats.time_of_day(instant, zone, "12") for instant in both) == texts


@pytest.mark.parametrize(
    ("zone", "instant", "text"),
    [
        (NEW_YORK, "2027-11-07T04:59", "00:59"),
        (NEW_YORK, "2027-11-07T07:00", "02:00"),
        (NEW_YORK, "2027-03-14T07:00", "03:00"),  # the clocks go forward: nothing comes twice
        ("Australia/Lord_Howe", "2027-04-03T14:29", "01:29"),
        ("Australia/Lord_Howe", "2027-04-03T15:30", "02:00"),
        ("Australia/Lord_Howe", "2027-10-02T15:30", "02:30"),
        ("America/Santiago", "2027-09-05T04:00", "01:00"),
        ("Asia/Kolkata", "2027-11-07T05:30", "11:00"),
        ("UTC", "2027-11-07T05:30", "05:30"),
    ],
)
def test_any_other_time_stands_alone(zone: str, instant: str, text: str) -> None:
    assert formats.time_of_day(datetime.fromisoformat(f"{instant}+00:00"), zone, "24") == text


def test_a_span_over_the_change_names_both_ends() -> None:
    assert formats.span(FIRST, SECOND, NEW_YORK, "12") == "Sun 7 Nov, 1:30 am EDT to 1:30 am EST"
    assert formats.span(SECOND, SECOND + HOUR, NEW_YORK, "24") == "Sun 7 Nov, 01:30 EST to 02:30"


def test_a_near_time_names_it_too() -> None:
    reader = Reader(NEW_YORK, "12", FIRST - HOUR)
    assert reader.near(SECOND) == "today, 1:30 am EST"


# --- on pages and in e-mails ------------------------------------------------------------------------


@pytest.fixture
def before_it() -> Iterator[None]:
    with time_machine.travel(SEEN_AT, tick=False):
        yield


def a_call(starts_at: datetime, **expert: Any) -> Booking:
    return make_booking(
        make_expert(time_zone=NEW_YORK, clock="12", **expert),
        make_follower("Ann Lee", time_zone=NEW_YORK, clock="12"),
        now=SEEN_AT,
        starts_at=starts_at,
    )


@BOTH
@pytest.mark.django_db
@pytest.mark.usefixtures("before_it")
def test_the_pages_of_both_sides_tell_the_two_apart(
    client: Client, starts_at: datetime, letters: str
) -> None:
    booking = a_call(starts_at)
    assert f"Sun 7 Nov, 1:30 am {letters} (New York)" in read(
        client.get(address(booking, "status"))
    )
    client.force_login(booking.expert.user)
    assert f"1:30 am {letters}" in read(client.get("/upcoming/"))
    assert f"1:30 am {letters}" in read(client.get(f"/bookings/{booking.code}/"))


@BOTH
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "subject"),
    [("booked", "You are booked with Maya"), ("booked_expert", "Ann booked a call")],
)
def test_subject_and_text_of_a_mail_tell_the_two_apart(
    kind: str, subject: str, starts_at: datetime, letters: str
) -> None:
    booking = a_call(starts_at)
    for purpose in ("report", "status"):
        links.ensure(booking, purpose, now=SEEN_AT)
    mail = rendered(kind, booking, now=SEEN_AT)
    when = f"Sun 7 Nov, 1:30 am {letters} (New York)"
    assert mail.subject == f"{subject}: {when}"
    assert " ".join(mail.text.split()).count(when) == 2  # in the sentence, and as "When"
    assert when in mail.html


@pytest.mark.django_db
def test_the_picker_names_a_time_that_comes_twice_even_when_one_of_them_is_free() -> None:
    booking = a_call(FIRST + DAY)
    shown = picker(booking, [SECOND], Choice(NEW_YORK, "12", slot=SECOND), now=SEEN_AT)
    assert [slot[1] for part in shown["parts"] for slot in part["slots"]] == ["1:30 am EST"]
    assert shown["summary"] is not None
    assert shown["summary"]["when"] == "Sun 7 November, 1:30 am EST – 2:30 am"
    assert shown["summary"]["places"] == "Your time in New York · 1:30 am EST for Maya"


# --- what people type -------------------------------------------------------------------------------


@pytest.mark.parametrize("planned", [FIRST, SECOND, None])
def test_a_typed_time_that_comes_twice_is_the_one_close_to_the_plan(
    planned: datetime | None,
) -> None:
    field = LocalDateTimeField(zone=NEW_YORK, near=planned)
    assert field.clean("2027-11-07T01:30") == (planned or FIRST)
    assert field.clean("2027-11-07T01:45") == (planned or FIRST) + 15 * MINUTE


@pytest.mark.django_db
@pytest.mark.parametrize("starts_at", [FIRST, SECOND], ids=["first", "second"])
def test_a_call_that_is_marked_as_held_when_planned_is_recorded_then(
    client: Client, starts_at: datetime
) -> None:
    with time_machine.travel(SECOND + 3 * HOUR, tick=False):
        booking = report(a_call(starts_at), now=SECOND + 2 * HOUR)
        client.force_login(booking.expert.user)
        path = f"/bookings/{booking.code}/mark-completed/"
        form = {"outcome": "held_here", "held_at": "2027-11-07T01:30", "minutes": "60"}
        client.post(path, form)
        assert CompletionMark.objects.get().held_at == starts_at


def test_a_year_has_at_most_two_such_nights_in_new_york() -> None:
    """The mark is rare: no other hour of a year has it."""
    start = datetime(2027, 1, 1, tzinfo=UTC)
    marked = [
        at
        for at in (start + timedelta(minutes=30 * n) for n in range(2 * 24 * 365))
        if len(formats.time_of_day(at, NEW_YORK, "24")) > 5
    ]
    assert marked == [FIRST - 30 * MINUTE, FIRST, SECOND - 30 * MINUTE, SECOND]
