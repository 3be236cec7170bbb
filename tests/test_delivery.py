"""Sending, over a real conversation with a mail server: at least once, under one name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends import smtp

from bookings import emails, lifecycle
from bookings.models import OutboxState
from tests import builders, smtp_server
from tests.builders import NOW
from tests.mail_settings import SMTP, use_mail
from tests.outbox_rows import AFTER_UNDO, SECOND, is_about, only, reported


@pytest.fixture
def mailbox(settings: Any) -> Any:
    """A real mail server on a socket."""
    with smtp_server.running() as box:
        use_mail(settings, SMTP, host="127.0.0.1", port=box.port, timeout=5)
        yield box


@pytest.mark.django_db
def test_a_mail_goes_through_a_real_mail_server(mailbox: Any, settings: Any) -> None:
    settings.STAFF_EMAIL = ["help@example.org"]
    settings.DEFAULT_FROM_EMAIL = "bookings@example.org"
    follower = builders.make_follower(
        "Zoë Müller", email="zoe@example.com", time_zone="Europe/Berlin"
    )
    booking = builders.make_booking(follower=follower)
    builders.offer(booking, note="Sorry, Zoë.\nDoes any of these suit you?")
    row = only("offer")
    assert emails.deliver_all([row.pk], now=AFTER_UNDO)
    [received] = mailbox.received
    message = received.message
    assert received.recipients == ["zoe@example.com"]
    assert received.sender == "bookings@example.org"
    assert message["To"] == "Zoë Müller <zoe@example.com>"
    assert message["From"] == "Maya Fernandes via Topmate <bookings@example.org>"
    assert message["Reply-To"] == "help@example.org"
    assert message["Message-ID"] == row.message_id
    assert booking.code in message["References"]
    assert message["Subject"] == "Maya would like to find a new time with you"
    text = message.get_body(("plain",)).get_content()
    assert "Sorry, Zoë." in text
    assert "/pick/" in text
    assert "<h1" in message.get_body(("html",)).get_content()
    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == (OutboxState.SENT, None)
    assert is_about(row.sent_at, AFTER_UNDO)


@pytest.mark.django_db
def test_a_calendar_file_arrives_with_its_method(mailbox: Any) -> None:
    booking = builders.offer(builders.make_booking())
    start = NOW + timedelta(days=2)
    lifecycle.pick_time(
        booking.pk, actor=builders.FOLLOWER, now=AFTER_UNDO, starts_at=start.replace(hour=5)
    )
    assert emails.deliver_all([only("time_confirmed").pk], now=AFTER_UNDO)
    [part] = mailbox.received[0].message.iter_attachments()
    assert part.get_content_type() == "text/calendar"
    assert part["Content-Type"].params["method"] == "REQUEST"
    assert part.get_filename() == "call.ics"
    lines = part.get_payload(decode=True).split(b"\r\n")
    assert b"BEGIN:VEVENT" in lines
    assert lines[-1] == b""
    assert not any(b"\n" in line for line in lines)


@pytest.mark.django_db
def test_a_server_that_dies_after_taking_the_mail_gets_it_again_under_the_same_id(
    mailbox: Any,
) -> None:
    _, row = reported()
    mailbox.hang_up_after_data = True
    assert not emails.deliver_all([row.pk], now=NOW)
    mailbox.hang_up_after_data = False
    assert emails.deliver_all([row.pk], now=NOW + 31 * SECOND)
    assert {one.message["Message-ID"] for one in mailbox.received} == {row.message_id}
    assert len(mailbox.received) == 2


@pytest.mark.django_db
def test_a_temporary_refusal_is_tried_again_later_and_later(mailbox: Any) -> None:
    _, row = reported()
    mailbox.fail_data = [b"451 try later"] * 2
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.QUEUED
    first = row.next_attempt_at
    assert is_about(first, NOW + 30 * SECOND)
    assert "451" in row.last_error
    assert not emails.deliver_all([row.pk], now=first - SECOND)
    assert not emails.deliver_all([row.pk], now=first)
    row.refresh_from_db()
    assert is_about(row.next_attempt_at, first + 120 * SECOND)
    assert emails.deliver_all([row.pk], now=row.next_attempt_at)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (OutboxState.SENT, 3, "")


@pytest.mark.django_db
def test_an_address_that_is_refused_for_good_is_given_up_at_once(mailbox: Any) -> None:
    booking = builders.offer(builders.make_booking())
    mailbox.refuse_recipient = b"550 no such user"
    assert not emails.deliver_all([only("offer").pk], now=AFTER_UNDO)
    row = only("offer")
    assert (row.state, row.next_attempt_at) == (OutboxState.FAILED, None)
    assert "no such user" in row.last_error
    mailbox.refuse_recipient = b""
    told = only("offer_undelivered")
    assert emails.deliver_all([told.pk], now=AFTER_UNDO)
    assert mailbox.received[-1].recipients == [booking.expert.user.email]


@pytest.mark.django_db
def test_a_header_that_no_mail_may_have_is_given_up_at_once(
    mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = reported()
    render = emails.render
    bad = {"headers": {"References": "<a@b>\r\nBcc: eve@example.org"}}
    monkeypatch.setattr(emails, "render", lambda *args: replace(render(*args), **bad))
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.next_attempt_at) == (OutboxState.FAILED, 1, None)
    assert mailbox.received == []


@pytest.mark.django_db
def test_an_odd_answer_is_no_such_header(mailbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*args: Any) -> int:
        raise ValueError("not JSON")

    _, row = reported()
    monkeypatch.setattr(smtp.EmailBackend, "send_messages", odd)
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.QUEUED, "ValueError: not JSON")


@pytest.mark.django_db
def test_a_silent_server_is_given_up_within_a_day(settings: Any) -> None:
    use_mail(settings, SMTP, host="127.0.0.1", port=1)  # nobody listens there
    _, row = reported()
    now = NOW
    for _ in range(len(emails.RETRY_AFTER) + 1):
        assert not emails.deliver_all([row.pk], now=now)
        row.refresh_from_db()
        now = row.next_attempt_at or now
    assert (row.state, row.attempts, row.next_attempt_at) == (OutboxState.FAILED, 8, None)
    assert "ConnectionRefusedError" in row.last_error
    assert now - NOW < timedelta(hours=24)
