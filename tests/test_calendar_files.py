"""Calendar files: one UID for life, rising sequence, UTC, nothing smuggled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from bookings import calendar, emails, lifecycle
from bookings.calendar import Party
from bookings.models import Booking, OutboxEmail, StoredMessage
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail

SITE = Party("Topmate", "bookings@example.org")
LENA = Party("Lena Vogel", "lena@example.com")
NASTY = ["x\r\nATTENDEE:mailto:evil@example.org", "x\nEND:VEVENT\nBEGIN:VEVENT", "x\x0b\x85\u2028y",
         'x";CN=y:', "x;y,z\\n", "\u202etxt"]  # fmt: skip


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    use_mail(settings)


def unsaved(**fields: Any) -> Booking:
    starts_at = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night Berlin's clocks change
    return Booking(
        code="TM-2345678",
        **{
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=1),
            "service_title": "UX audit",
            **fields,
        },
    )


def parsed(text: str) -> Any:
    [event] = Calendar.from_ical(text).walk("VEVENT")
    return event


def made(booking: Booking, *, method: Any = "REQUEST", summary: str = "A call") -> str:
    return calendar.call_file(
        booking, method=method, summary=summary, organizer=SITE, attendee=LENA, now=NOW
    )


def test_times_are_utc_and_the_length_survives_a_change_of_clocks() -> None:
    text = made(unsaved())
    assert "DTSTART:20260329T003000Z\r\n" in text
    event = parsed(text)
    assert event.decoded("dtend") - event.decoded("dtstart") == timedelta(hours=1)


def test_cancelling_names_the_same_event() -> None:
    request, cancel = made(unsaved()), made(unsaved(calendar_sequence=3), method="CANCEL")
    assert "METHOD:CANCEL" in cancel
    assert parsed(cancel)["STATUS"] == "CANCELLED"
    assert parsed(request)["UID"] == parsed(cancel)["UID"] == "TM-2345678@127.0.0.1"
    assert parsed(cancel)["SEQUENCE"] > parsed(request)["SEQUENCE"]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_can_be_smuggled_into_a_file(nasty: str) -> None:
    text = calendar.call_file(
        unsaved(place=nasty),
        method="REQUEST",
        summary=nasty,
        organizer=Party(nasty, "bookings@example.org"),
        attendee=Party(nasty, "lena@example.com"),
        now=NOW,
    )
    event = parsed(text)
    assert text.count("\r\nATTENDEE") == 1
    assert str(event["ATTENDEE"]) == "mailto:lena@example.com"
    for character in "\x0b\x85\u2028\u202e":
        assert character not in text
    assert text.replace("\r\n", "").isprintable()


@pytest.mark.django_db
def test_one_uid_for_life_and_a_sequence_that_rises_with_every_change() -> None:
    booking = builders.make_booking(starts_at=NOW + timedelta(days=2, hours=-1))
    now = NOW
    for hours in (72, 96):
        builders.offer(booking, now=now)
        start = NOW.replace(hour=5) + timedelta(hours=hours)
        lifecycle.pick_time(booking.pk, actor=builders.FOLLOWER, now=now, starts_at=start)
        now = deliver_all(now)
    lifecycle.cancel(booking.pk, actor=builders.expert_of(booking), now=now, reason="I am ill.")
    deliver_all(now)
    to_follower = StoredMessage.objects.filter(to=booking.follower.email).exclude(calendar="")
    files = [message.calendar for message in to_follower.order_by("pk")]
    assert [int(parsed(text)["SEQUENCE"]) for text in files] == [1, 2, 3]
    assert {str(parsed(text)["UID"]) for text in files} == {f"{booking.code}@127.0.0.1"}
    assert ["METHOD:CANCEL" in text for text in files] == [False, False, True]


@pytest.mark.django_db
def test_an_event_keeps_its_uid_when_the_site_moves_to_another_address(settings: Any) -> None:
    """A calendar would show the call twice, and a cancellation would find nothing."""
    booking = builders.make_booking(starts_at=NOW + timedelta(days=2, hours=-1))
    settings.SITE_URL = "https://calls.example.net"
    later = Booking.objects.get(pk=booking.pk)
    assert parsed(made(later, method="CANCEL"))["UID"] == f"{booking.code}@127.0.0.1"
    assert parsed(made(builders.make_booking()))["UID"].endswith("@calls.example.net")


def deliver_all(now: datetime) -> datetime:
    """A minute later, when no undo holds anything any more."""
    now += timedelta(minutes=1)
    for row in OutboxEmail.objects.due(now):
        emails.deliver_all([row.pk], now=now)
    return now


@pytest.mark.django_db
@pytest.mark.parametrize(("is_future", "method"), [(True, "METHOD:CANCEL"), (False, "")])
def test_the_refund_of_a_future_call_takes_it_out_of_the_calendar(
    is_future: bool, method: str
) -> None:
    starts_at = NOW + timedelta(days=1) if is_future else NOW - timedelta(hours=3)
    booking = builders.make_booking(starts_at=starts_at)
    lifecycle.refund_now(booking.pk, actor=builders.staff(), now=NOW, reason="Goodwill.")
    for row in OutboxEmail.objects.filter(booking=booking):
        assert emails.deliver_all([row.pk], now=NOW)
    stored = StoredMessage.objects.filter(
        to__in=[booking.follower.email, booking.expert.user.email]
    )
    assert stored.count() == 2
    for message in stored:
        assert method in message.calendar
        assert bool(message.calendar) == is_future
