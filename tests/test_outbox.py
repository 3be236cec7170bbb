"""The outbox: what is queued once, held for an undo, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from bookings import emails, lifecycle
from bookings.models import OutboxEmail, OutboxState, StoredMessage
from bookings.states import TransitionNotAllowed
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail
from tests.outbox_rows import AFTER_UNDO, SECOND, only, reported


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    use_mail(settings)


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
    assert not emails.deliver_all([row.pk], now=NOW + 29 * SECOND)
    assert emails.deliver_all([row.pk], now=NOW + 30 * SECOND)


@pytest.mark.django_db
def test_undo_takes_back_what_is_held() -> None:
    booking = builders.offer(builders.make_booking())
    lifecycle.undo(booking.pk, actor=builders.expert_of(booking), now=NOW + 5 * SECOND)
    assert only("offer").state == OutboxState.CANCELLED
    assert not emails.deliver_all([only("offer").pk], now=AFTER_UNDO)
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
