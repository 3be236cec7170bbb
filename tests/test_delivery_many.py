"""Many e-mails at a time: claimed together, sent over a few connections, written down together."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection

from bookings import emails
from bookings.emails.mailing import Connections
from bookings.models import Booking, OutboxEmail, OutboxState, StoredMessage
from tests import builders, smtp_server
from tests.builders import NOW
from tests.effort import effort
from tests.mail_settings import SMTP, use_mail
from tests.outbox_rows import SECOND, many_due
from tests.racing import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(settings: Any) -> Any:
    """A real mail server on a socket."""
    with smtp_server.running() as box:
        use_mail(settings, SMTP, host="127.0.0.1", port=box.port, timeout=5)
        settings.MAIL_IN_FLIGHT = 4
        yield box


def states() -> Counter[str]:
    wanted = OutboxEmail.objects.filter(kind="no_show_reported")
    return Counter(wanted.values_list("state", flat=True))


def each_once(mailbox: Any, ids: list[int]) -> None:
    sent = Counter(one.message["Message-ID"] for one in mailbox.received)
    rows = OutboxEmail.objects.filter(pk__in=ids)
    assert sent == dict.fromkeys(rows.values_list("message_id", flat=True), 1)
    assert states() == {OutboxState.SENT: len(ids)}


def test_a_batch_leaves_over_a_few_connections(mailbox: Any) -> None:
    ids = many_due(40)
    assert emails.deliver_all(ids, now=NOW) == 40
    each_once(mailbox, ids)
    assert 1 <= mailbox.connections <= 4
    assert emails.deliver_all(ids, now=NOW) == 0


def test_no_thread_of_ours_opens_a_connection_to_the_database(
    mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    send = Connections.send

    def watched(*args: Any, **more: Any) -> None:
        send(*args, **more)
        is_main = threading.current_thread() is threading.main_thread()
        seen.append((is_main, connection.connection is None))

    monkeypatch.setattr(Connections, "send", watched)
    assert emails.deliver_all(many_due(5), now=NOW) == 5
    assert seen == [(False, True)] * 5


def test_what_is_kept_in_our_database_is_written_by_the_caller(settings: Any) -> None:
    use_mail(settings)
    assert emails.deliver_all(many_due(5), now=NOW) == 5
    assert StoredMessage.objects.count() == 5  # in the transaction of this test


def test_a_server_that_takes_few_mails_over_one_connection_gets_the_rest_later(
    mailbox: Any,
) -> None:
    mailbox.most_per_connection = 3
    ids = many_due(20)
    first = emails.deliver_all(ids, now=NOW)
    assert 0 < first < 20
    now = NOW
    for _ in range(10):
        now += timedelta(minutes=20)
        emails.deliver_all(ids, now=now)
    each_once(mailbox, ids)


def test_a_server_that_is_silent_for_some_does_not_keep_the_others(
    mailbox: Any, settings: Any
) -> None:
    use_mail(settings, SMTP, host="127.0.0.1", port=mailbox.port, timeout=0.3)
    mailbox.silent = 2
    ids = many_due(12)
    assert emails.deliver_all(ids, now=NOW) == 10
    assert states() == {OutboxState.SENT: 10, OutboxState.QUEUED: 2}
    assert emails.deliver_all(ids, now=NOW + 31 * SECOND) == 2


def test_what_there_is_no_time_for_is_left_to_the_next(mailbox: Any, settings: Any) -> None:
    use_mail(settings, SMTP, host="127.0.0.1", port=mailbox.port, timeout=0.4)
    settings.MAIL_IN_FLIGHT = 1
    mailbox.silent = 10
    ids = many_due(8)
    assert emails.deliver_all(ids, now=NOW, seconds=0.5) == 0
    left = OutboxEmail.objects.filter(pk__in=ids, last_error="")
    assert 1 <= left.count() < 8
    assert set(left.values_list("state", "attempts")) == {(OutboxState.QUEUED, 0)}
    mailbox.silent = 0
    assert emails.deliver_all(ids, now=NOW + 31 * SECOND) == 8


def test_one_that_cannot_be_written_stops_nobody(mailbox: Any) -> None:
    ids = many_due(6)
    OutboxEmail.objects.filter(pk=ids[2]).update(kind="from_the_future")
    assert emails.deliver_all(ids, now=NOW) == 5
    OutboxEmail.objects.filter(pk=ids[2]).update(kind="no_show_reported")
    assert emails.deliver_all(ids, now=NOW + 60 * SECOND) == 1  # it waited for 30, from its failure
    each_once(mailbox, ids)


def test_one_that_cannot_be_claimed_stops_nobody(
    mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_due(6)
    take = emails._Delivery._take

    def poisonous(self: Any, pks: Any, **more: Any) -> Any:
        if ids[2] in pks:
            raise DatabaseError("This row cannot be written.")
        return take(self, pks, **more)

    with monkeypatch.context() as patch:
        patch.setattr(emails._Delivery, "_take", poisonous)
        assert emails.deliver_all(ids, now=NOW) == 5
    assert emails.deliver_all(ids, now=NOW) == 1
    each_once(mailbox, ids)


def test_what_is_no_longer_true_is_dropped_on_the_way(mailbox: Any) -> None:
    ids = many_due(5)
    builders.mark_held_on_zoom(Booking.objects.get())
    assert emails.deliver_all(ids, now=NOW + timedelta(minutes=2)) == 0
    assert states() == {OutboxState.CANCELLED: 5}
    assert mailbox.received == []


def test_in_a_batch_only_rows_whose_lease_is_ours_are_written(
    mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_due(4)
    finish = emails._Delivery.finish

    def late(self: Any, items: Any) -> None:
        if items:
            monkeypatch.setattr(emails._Delivery, "finish", finish)
            emails.deliver_all([ids[1]], now=NOW + emails.LEASE)  # another one has taken it
            OutboxEmail.objects.filter(pk=ids[1]).update(last_error="written by the other one")
        finish(self, items)

    monkeypatch.setattr(emails._Delivery, "finish", late)
    monkeypatch.setattr("bookings.fan_out.GATHER_SECONDS", 2.0)  # all of them at once
    assert emails.deliver_all(ids, now=NOW) == 3
    assert OutboxEmail.objects.get(pk=ids[1]).last_error == "written by the other one"
    assert states() == {OutboxState.SENT: 4}


class SenderDied(BaseException):
    """Not an Exception, as a kill is not."""


def test_a_sender_that_dies_with_a_batch_is_followed_by_another(
    mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All has left, and nothing of it was written down: at least once, under one name."""
    ids = many_due(10)

    def die(self: Any, items: Any) -> None:
        if items:
            raise SenderDied

    with monkeypatch.context() as patch:
        patch.setattr(emails._Delivery, "finish", die)
        with pytest.raises(SenderDied):
            emails.deliver_all(ids, now=NOW)
    leased = states()[OutboxState.SENDING]
    assert leased >= 4
    assert emails.deliver_all(ids, now=NOW + emails.LEASE - SECOND) == 10 - leased
    assert emails.deliver_all(ids, now=NOW + emails.LEASE) == leased
    sent = {one.message["Message-ID"] for one in mailbox.received}
    assert sent == set(OutboxEmail.objects.filter(pk__in=ids).values_list("message_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_four_senders_race_and_each_mail_leaves_once(mailbox: Any) -> None:
    ids = many_due(effort(100))
    sent = together(*[partial(emails.deliver_all, ids, now=NOW)] * 4)
    assert sum(sent) == len(ids)
    each_once(mailbox, ids)
