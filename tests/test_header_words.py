"""Names and titles arrive in headers as they were written, in encoded words that RFC 2047 allows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings import emails
from bookings.emails import mailing
from bookings.models import OutboxEmail
from bookings.plain_text import one_line
from tests import smtp_server
from tests.builders import NOW, make_booking, make_expert, make_follower, make_service, report
from tests.mail_settings import SMTP, use_mail
from tests.outbox_rows import rendered
from tests.smtp_server import Received, as_read

NAMES = [
    "=?utf-8?q?hi?=",
    "=?utf-8?b?aGk=?= =?iso-8859-1?q?=E9?=",
    "Anna =?utf-8?q?hi?= Berg",
    "=? not one at all",
    "山田" * 39,
    "Ö" * 80,
    "👩‍👩‍👧 Family " * 5,
    "Mr. " + "word " * 15,
    'J.R. "Bob" Smith, Jr. \\',
    "x" * 80,
    "Zoë Müller",
]


@pytest.fixture
def mailbox(settings: Any) -> Any:
    with smtp_server.running() as box:
        use_mail(settings, SMTP, host="127.0.0.1", port=box.port, timeout=5)
        yield box


def header_lines(received: Received) -> list[str]:
    return received.raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_a_name_arrives_as_it_was_written(mailbox: Any, settings: Any, name: str) -> None:
    name = one_line(name)
    settings.SITE_NAME = "Büro =?utf-8?q?hi?="
    expert = make_expert(name=name, email="maya@example.com")
    booking = make_booking(
        expert,
        make_follower(name, email="reader@example.com"),
        service=make_service(expert, title=f"Talk with {name}"),
    )
    report(booking)
    for row in OutboxEmail.objects.all():
        assert emails.deliver_all([row.pk], now=NOW), OutboxEmail.objects.get(pk=row.pk).last_error
    to_follower, to_expert = sorted(mailbox.received, key=lambda one: one.recipients, reverse=True)
    assert to_follower.recipients == ["reader@example.com"]
    assert as_read(to_follower, "To") == f"{name} <reader@example.com>"
    assert as_read(to_expert, "To") == f"{name} <maya@example.com>"
    site = f"{name} via {settings.SITE_NAME}"
    assert as_read(to_follower, "From") == f"{site} <bookings@localhost>"
    for received in mailbox.received:
        lines = header_lines(received)
        for word in re.findall(r"=\?[^ ]*\?=", "\n".join(lines)):
            assert len(word) <= 75
        assert [line for line in lines if "=?" in line and len(line) > 76] == []
        assert [line for line in lines if not line.strip()] == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_a_subject_arrives_as_it_was_written(mailbox: Any, name: str) -> None:
    name = one_line(name)
    expert = make_expert(email="maya@example.com")
    booking = make_booking(expert, make_follower(name))
    row = emails.queue("booked_expert", booking=booking, now=NOW, event=booking.events.get())
    wanted = rendered("booked_expert", booking, now=NOW, event=row.event).subject
    assert name.split()[0] in wanted
    assert emails.deliver_all([row.pk], now=NOW), OutboxEmail.objects.get().last_error
    [received] = mailbox.received
    assert as_read(received, "Subject") == wanted
    assert [line for line in header_lines(received) if "=?" in line and len(line) > 76] == []


@given(st.text(max_size=90).map(one_line))
def test_any_phrase_is_read_as_it_was_written(text: str) -> None:
    value = mailing.folded("Subject", mailing.phrase(text))
    received = Received("", [], f"Subject: {value}\n\n".encode())
    assert as_read(received, "Subject") == text
    assert all(len(word) <= 75 for word in re.findall(r"=\?\S*\?=", value))
