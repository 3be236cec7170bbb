"""The outbox: what is queued, and that each e-mail leaves at least once and under one name."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from bookings import emails, lifecycle
from bookings.emails import delivery
from bookings.emails.case import Case
from bookings.emails.kinds import KINDS
from bookings.emails.scenes import SCENES
from bookings.emails.stage import Stage
from bookings.models import Booking, Follower, OutboxEmail, OutboxState, StoredMessage
from bookings.states import State, TransitionNotAllowed
from tests import builders, smtp_server
from tests.builders import NOW

SECOND = timedelta(seconds=1)
AFTER_UNDO = NOW + timedelta(seconds=31)


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    settings.EMAIL_BACKEND = "bookings.demo_inbox.Backend"


@pytest.fixture
def mailbox(settings: Any) -> Any:
    """A real mail server on a socket."""
    with smtp_server.running() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_TIMEOUT = 5
        yield box


def only(kind: str) -> OutboxEmail:
    return OutboxEmail.objects.get(kind=kind)


def reported() -> tuple[Booking, OutboxEmail]:
    """A reported booking, and the e-mail that tells the expert."""
    booking = builders.report(builders.make_booking())
    return booking, only("no_show_reported")


# --- queueing -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_kind_for_the_same_event_is_queued_once() -> None:
    booking, row = reported()
    again = emails.queue("no_show_reported", booking=booking, now=NOW, event=row.event)
    assert again.pk == row.pk
    assert OutboxEmail.objects.filter(kind="no_show_reported").count() == 1


@pytest.mark.django_db
def test_a_mail_that_may_be_undone_is_held_until_the_undo_has_run_out() -> None:
    builders.offer(builders.make_booking())
    row = only("offer")
    assert row.next_attempt_at == NOW + timedelta(seconds=30)
    assert not emails.deliver(row.pk, now=NOW + 29 * SECOND)
    assert emails.deliver(row.pk, now=NOW + 30 * SECOND)


@pytest.mark.django_db
def test_undo_takes_back_what_is_held() -> None:
    booking = builders.offer(builders.make_booking())
    lifecycle.undo(booking.pk, actor=builders.expert_of(booking), now=NOW + 5 * SECOND)
    assert only("offer").state == OutboxState.CANCELLED
    assert not emails.deliver(only("offer").pk, now=AFTER_UNDO)
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("state", [OutboxState.SENDING, OutboxState.SENT, OutboxState.FAILED])
def test_undo_is_refused_once_a_mail_has_left(state: str) -> None:
    booking = builders.offer(builders.make_booking())
    OutboxEmail.objects.filter(kind="offer").update(state=state)
    with pytest.raises(TransitionNotAllowed):
        lifecycle.undo(booking.pk, actor=builders.expert_of(booking), now=NOW + 5 * SECOND)
    booking.refresh_from_db()
    assert booking.state == "reschedule_offered"


@pytest.mark.django_db
def test_undo_is_refused_for_a_mail_that_was_tried_and_waits_for_its_next_try() -> None:
    booking = builders.offer(builders.make_booking())
    OutboxEmail.objects.filter(kind="offer").update(attempts=1)
    assert not emails.cancel_held(booking.events.get(verb="offer_reschedule"))


@pytest.mark.django_db
def test_a_rolled_back_verb_leaves_no_mail() -> None:
    booking = builders.make_booking()
    with transaction.atomic():
        builders.report(booking)
        transaction.set_rollback(True)
    assert not OutboxEmail.objects.exists()


# --- a real conversation --------------------------------------------------------------------------


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
    assert emails.deliver(row.pk, now=AFTER_UNDO)
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
    assert (row.state, row.sent_at, row.next_attempt_at) == (OutboxState.SENT, AFTER_UNDO, None)


@pytest.mark.django_db
def test_a_calendar_file_arrives_with_its_method(mailbox: Any) -> None:
    booking = builders.offer(builders.make_booking())
    start = NOW + timedelta(days=2)
    lifecycle.pick_time(
        booking.pk, actor=builders.FOLLOWER, now=AFTER_UNDO, starts_at=start.replace(hour=5)
    )
    assert emails.deliver(only("time_confirmed").pk, now=AFTER_UNDO)
    [part] = mailbox.received[0].message.iter_attachments()
    assert part.get_content_type() == "text/calendar"
    assert part["Content-Type"].params["method"] == "REQUEST"
    assert part.get_filename() == "call.ics"
    assert "BEGIN:VEVENT" in part.get_content()


@pytest.mark.django_db
def test_a_server_that_dies_after_taking_the_mail_gets_it_again_under_the_same_id(
    mailbox: Any,
) -> None:
    _, row = reported()
    mailbox.hang_up_after_data = True
    assert not emails.deliver(row.pk, now=NOW)
    mailbox.hang_up_after_data = False
    assert emails.deliver(row.pk, now=NOW + 31 * SECOND)
    assert {one.message["Message-ID"] for one in mailbox.received} == {row.message_id}
    assert len(mailbox.received) == 2


@pytest.mark.django_db
def test_a_temporary_refusal_is_tried_again_later_and_later(mailbox: Any) -> None:
    _, row = reported()
    mailbox.fail_data = [b"451 try later"] * 2
    assert not emails.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.QUEUED
    assert row.next_attempt_at == NOW + 30 * SECOND
    assert "451" in row.last_error
    assert not emails.deliver(row.pk, now=NOW + 29 * SECOND)
    assert not emails.deliver(row.pk, now=NOW + 30 * SECOND)
    row.refresh_from_db()
    assert row.next_attempt_at == NOW + 150 * SECOND
    assert emails.deliver(row.pk, now=NOW + 150 * SECOND)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (OutboxState.SENT, 3, "")


@pytest.mark.django_db
def test_an_address_that_is_refused_for_good_is_given_up_at_once(mailbox: Any) -> None:
    booking = builders.offer(builders.make_booking())
    mailbox.refuse_recipient = b"550 no such user"
    assert not emails.deliver(only("offer").pk, now=AFTER_UNDO)
    row = only("offer")
    assert (row.state, row.next_attempt_at) == (OutboxState.FAILED, None)
    assert "no such user" in row.last_error
    mailbox.refuse_recipient = b""
    told = only("offer_undelivered")
    assert emails.deliver(told.pk, now=AFTER_UNDO)
    assert mailbox.received[-1].recipients == [booking.expert.user.email]


@pytest.mark.django_db
def test_a_silent_server_is_given_up_within_a_day(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    _, row = reported()
    now = NOW
    for _ in range(len(delivery.RETRY_AFTER) + 1):
        assert not emails.deliver(row.pk, now=now)
        row.refresh_from_db()
        now = row.next_attempt_at or now
    assert (row.state, row.attempts, row.next_attempt_at) == (OutboxState.FAILED, 8, None)
    assert "ConnectionRefusedError" in row.last_error
    assert now - NOW < timedelta(hours=24)


# --- crashes and rivals ---------------------------------------------------------------------------


class SenderDied(BaseException):
    """Not an Exception, as a kill is not."""


@pytest.mark.django_db
def test_a_sender_that_dies_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    _, row = reported()

    def die(*args: Any, **kwargs: Any) -> None:
        raise SenderDied

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_send", die)
        with pytest.raises(SenderDied):
            emails.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.SENDING
    assert not emails.deliver(row.pk, now=NOW + delivery.LEASE - SECOND)
    assert emails.deliver(row.pk, now=NOW + delivery.LEASE)
    assert StoredMessage.objects.get().headers["Message-ID"] == row.message_id


@pytest.mark.django_db
def test_a_slow_sender_does_not_write_over_the_one_that_took_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, row = reported()
    send = delivery._send

    def slow(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(delivery, "_send", send)
        assert emails.deliver(row.pk, now=NOW + delivery.LEASE)  # the second one, meanwhile
        raise TimeoutError("much too late")

    monkeypatch.setattr(delivery, "_send", slow)
    assert not emails.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.SENT, "")


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_one_mail() -> None:
    _, row = reported()
    start = threading.Barrier(4)
    sent: list[bool] = []

    def send() -> None:
        start.wait()
        sent.append(emails.deliver(row.pk, now=NOW))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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
        delivery, "_send", lambda *args, **kwargs: seen.append(len(connection.savepoint_ids))
    )
    assert emails.deliver(row.pk, now=NOW)
    assert seen == [inside]


@pytest.mark.django_db
def test_a_poisoned_mail_does_not_stop_the_others() -> None:
    poisoned, fine = reported()[1], reported_again()
    Follower.objects.filter(pk=poisoned.booking.follower_id).update(email="a@b.c, d@e.f")
    bad = OutboxEmail.objects.get(booking=poisoned.booking, kind="report_received")
    assert not emails.deliver(bad.pk, now=NOW)
    assert emails.deliver(fine.pk, now=NOW)
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
    assert not emails.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert row.state == OutboxState.QUEUED
    assert row.next_attempt_at == NOW + 30 * SECOND


@pytest.mark.django_db
def test_a_mail_is_claimed_and_loaded_with_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    _, row = reported()
    with django_assert_max_num_queries(9):
        assert emails.deliver(row.pk, now=NOW)


# --- what is not true any more is not sent --------------------------------------------------------


@pytest.mark.django_db
def test_a_report_that_was_answered_is_not_announced() -> None:
    booking, row = reported()
    builders.offer(booking)
    assert not emails.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == (OutboxState.CANCELLED, None)
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
def test_a_reminder_for_another_deadline_is_not_sent() -> None:
    booking, _ = reported()
    row = emails.queue("time_left", booking=booking, now=NOW, dedupe="24", facts={"hours": 24})
    lifecycle.withdraw_report(booking.pk, actor=builders.FOLLOWER, now=NOW)
    builders.report(booking, now=NOW + timedelta(minutes=5))
    assert not emails.deliver(row.pk, now=NOW + timedelta(minutes=6))
    row.refresh_from_db()
    assert row.state == OutboxState.CANCELLED


@pytest.mark.django_db
def test_nobody_hears_that_a_link_is_withdrawn_which_was_never_mailed() -> None:
    booking = builders.offer(builders.make_booking())
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + 10 * SECOND)
    for row in OutboxEmail.objects.filter(kind__in=["offer", "offer_withdrawn"]):
        assert not emails.deliver(row.pk, now=NOW + timedelta(minutes=2))
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
def test_a_withdrawn_link_that_was_mailed_is_told() -> None:
    booking = builders.offer(builders.make_booking())
    assert emails.deliver(only("offer").pk, now=AFTER_UNDO)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=AFTER_UNDO)
    assert emails.deliver(only("offer_withdrawn").pk, now=AFTER_UNDO + timedelta(minutes=1))


@pytest.mark.django_db
def test_a_refund_is_not_called_confirmed_before_the_provider_says_so() -> None:
    booking = builders.report(builders.make_booking())
    lifecycle.refund_now(
        booking.pk, actor=builders.expert_of(booking), now=NOW + timedelta(minutes=1)
    )
    later = NOW + timedelta(minutes=2)
    row = emails.queue("refund_confirmed", booking=booking, now=later, dedupe="early")
    assert not emails.deliver(row.pk, now=later)
    assert emails.deliver(only("refund_started").pk, now=later)
    sent = StoredMessage.objects.get()
    assert "has started" in sent.subject
    assert "refunded" not in sent.text.replace("Maya refunded this call", "")


@pytest.mark.django_db
def test_a_superseded_link_is_never_mailed_again() -> None:
    booking = builders.offer(builders.make_booking())
    first = booking.links.get(purpose="pick", superseded_at__isnull=True)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=AFTER_UNDO)
    again = builders.offer(booking, now=AFTER_UNDO)
    row = OutboxEmail.objects.filter(kind="offer").latest("pk")
    assert emails.deliver(row.pk, now=AFTER_UNDO + timedelta(minutes=1))
    text = StoredMessage.objects.get().text
    assert first.key not in text
    assert again.links.get(purpose="pick", superseded_at__isnull=True).key in text


@pytest.mark.django_db
def test_a_new_time_that_was_changed_again_is_not_announced() -> None:
    booking = builders.offer(builders.make_booking())
    for days in (2, 3):
        start = NOW.replace(hour=5) + timedelta(days=days)
        lifecycle.pick_time(booking.pk, actor=builders.FOLLOWER, now=NOW, starts_at=start)
        if days == 2:
            builders.offer(booking)
    first, second = OutboxEmail.objects.filter(kind="time_confirmed").order_by("pk")
    assert not emails.deliver(first.pk, now=NOW)
    assert emails.deliver(second.pk, now=NOW)


MOVED_ON: dict[str, tuple[State, dict[str, Any]]] = {
    "offer-past": (State.SCHEDULED, {}),
    "offer-after-report": (State.NO_SHOW_REPORTED, {}),
    "offer_reminder": (State.REFUNDED, {}),
    "offer_undelivered": (State.SCHEDULED, {}),
    "offer_withdrawn": (State.RESCHEDULE_OFFERED, {}),
    "time_confirmed": (State.CANCELLED, {}),
    "time_picked": (State.REFUNDED, {}),
    "after_call": (State.NO_SHOW_REPORTED, {}),
    "marked_completed-absent": (State.CONTESTED, {}),
    "report_received-first": (State.REFUNDED, {}),
    "no_show_reported-first": (State.COMPLETED, {}),
    "withdrawal_received": (State.NO_SHOW_REPORTED, {"has_open_report": True}),
    "report_withdrawn": (State.NO_SHOW_REPORTED, {"has_open_report": True}),
    "time_left-24": (State.RESCHEDULE_OFFERED, {}),
    "contest_received": (State.REFUNDED, {}),
    "contested": (State.COMPLETED, {}),
    "staff_contested": (State.REFUNDED, {}),
    "staff_contest_reminder": (State.COMPLETED, {}),
    "refund_started-free": (State.SCHEDULED, {}),
    "call_cancelled": (State.SCHEDULED, {}),
    "call_cancelled_expert": (State.SCHEDULED, {}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(MOVED_ON))
def test_nobody_is_told_what_has_stopped_being_true(name: str) -> None:
    kind = KINDS[name.partition("-")[0]]
    stage = Stage.with_a_past_call(now=NOW)
    event, facts = SCENES[name](stage)
    assert kind.is_still_true(Case(kind.audience, stage.reloaded(), event, facts, NOW))
    state, columns = MOVED_ON[name]
    stage.change(state, **columns)
    assert not kind.is_still_true(Case(kind.audience, stage.reloaded(), event, facts, NOW))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("refund_started-no-answer", "declined"),
        ("refund_started-no-answer", "void"),
        ("booking_refunded-no-answer", "reversed"),
        ("refund_confirmed", "reversed"),
        ("refund_failed-declined", "sending"),
        ("refund_failed-reversed", "succeeded"),
        ("staff_refund_failed-declined", "accepted"),
    ],
)
def test_a_mail_about_money_says_no_more_than_the_refund(name: str, state: str) -> None:
    kind = KINDS[name.partition("-")[0]]
    stage = Stage.with_a_past_call(now=NOW)
    event, facts = SCENES[name](stage)
    assert kind.is_still_true(Case(kind.audience, stage.reloaded(), event, facts, NOW))
    stage.booking.refunds.update(state=state)
    booking = stage.reloaded()
    event = booking.events.get(pk=event.pk) if event else None
    assert not kind.is_still_true(Case(kind.audience, booking, event, facts, NOW))
