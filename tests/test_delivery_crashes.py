"""Senders that die, rival senders, poisoned rows: each e-mail still leaves, and once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection

from bookings import emails
from bookings.emails.mailing import Connections
from bookings.models import Follower, OutboxEmail, OutboxState, StoredMessage
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail
from tests.outbox_rows import SECOND, is_about, reported
from tests.racing import together


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    use_mail(settings)


class SenderDied(BaseException):
    """Not an Exception, as a kill is not."""


@pytest.mark.django_db
def test_a_sender_that_dies_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    _, row = reported()

    def die(*args: Any, **kwargs: Any) -> None:
        raise SenderDied

    with monkeypatch.context() as patch:
        patch.setattr(Connections, "send", die)
        with pytest.raises(SenderDied):
            emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.SENDING
    assert not emails.deliver_all([row.pk], now=NOW + emails.LEASE - SECOND)
    assert emails.deliver_all([row.pk], now=NOW + emails.LEASE)
    assert StoredMessage.objects.get().headers["Message-ID"] == row.message_id


@pytest.mark.django_db
def test_a_slow_sender_does_not_write_over_the_one_that_took_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, row = reported()
    send = Connections.send

    def slow(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(Connections, "send", send)
        assert emails.deliver_all([row.pk], now=NOW + emails.LEASE)  # the second one, meanwhile
        raise TimeoutError("much too late")

    monkeypatch.setattr(Connections, "send", slow)
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.SENT, "")


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_one_mail() -> None:
    _, row = reported()
    sent = together(*[partial(emails.deliver_all, [row.pk], now=NOW)] * 4)
    assert sorted(sent) == [False, False, False, True]
    assert StoredMessage.objects.count() == 1


@pytest.mark.django_db
def test_nothing_is_in_a_transaction_while_the_mail_server_is_spoken_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, row = reported()
    inside = len(connection.savepoint_ids)  # the test's own
    seen: list[int] = []
    monkeypatch.setattr(
        Connections, "send", lambda *args, **kwargs: seen.append(len(connection.savepoint_ids))
    )
    assert emails.deliver_all([row.pk], now=NOW)
    assert seen == [inside]


@pytest.mark.django_db
def test_a_poisoned_mail_does_not_stop_the_others() -> None:
    poisoned, fine = reported()[1], reported_again()
    Follower.objects.filter(pk=poisoned.booking.follower_id).update(email="a@b.c, d@e.f")
    bad = OutboxEmail.objects.get(booking=poisoned.booking, kind="report_received")
    assert not emails.deliver_all([bad.pk], now=NOW)
    assert emails.deliver_all([fine.pk], now=NOW)
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == (OutboxState.FAILED, 1)
    assert "Unsendable" in bad.last_error


def reported_again() -> OutboxEmail:
    booking = builders.report(builders.make_booking())
    return OutboxEmail.objects.get(booking=booking, kind="report_received")


@pytest.mark.django_db
def test_a_kind_of_another_release_waits() -> None:
    _, row = reported()
    OutboxEmail.objects.filter(pk=row.pk).update(kind="from_the_future")
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.QUEUED
    assert is_about(row.next_attempt_at, NOW + 30 * SECOND)


@pytest.mark.django_db
def test_a_mail_is_claimed_and_loaded_with_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    _, row = reported()
    with django_assert_max_num_queries(9):
        assert emails.deliver_all([row.pk], now=NOW)
