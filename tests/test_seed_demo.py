"""seed_demo: a desk with every case on it, lived through by the rules, at whatever hour it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.test import override_settings

from bookings import demo, invariants, sweeps
from bookings.demo import people
from bookings.models import Booking, Expert, OutboxEmail, Refund, StoredMessage, User
from bookings.states import State
from tests.effort import effort
from tests.mail_settings import Mail, use_mail

pytestmark = pytest.mark.django_db
MONDAY_MORNING = datetime(2026, 11, 23, 6, 2, 33, 123456, tzinfo=UTC)


WITH_INBOX = {**Mail().settings(), "DEMO_INBOX": True}


@pytest.fixture(scope="class")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[datetime]:
    """Seeded once for a class; each test takes its own changes back."""
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(**WITH_INBOX):
        demo.seed(MONDAY_MORNING)
        with django_db_blocker.block():
            yield MONDAY_MORNING
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def demo_inbox(settings: Any) -> None:
    for name, value in WITH_INBOX.items():
        setattr(settings, name, value)


def broken(now: datetime) -> dict[str, list[str]]:
    found = {name: list(known.offenders(now)) for name, known in invariants.ALL.items()}
    return {name: codes for name, codes in found.items() if codes}


class TestSeeded:
    def test_a_newcomer_finds_every_case_on_the_desk(self, seeded: datetime) -> None:
        now = seeded

        assert Booking.objects.count() > 70
        assert set(Booking.objects.values_list("state", flat=True)) == set(State.values)
        maya = Expert.objects.get(user__email=people.MAYA)
        assert Booking.objects.of_expert(maya).past(now).count() > 50  # more than two pages
        left = [
            booking.deadline_at - now
            for booking in Booking.objects.of_expert(maya).needing_action()
            if booking.deadline_at
        ]
        hour = timedelta(hours=1)
        for low, high in [(0, 0.05), (3, 4), (6, 7), (24, 30), (40, 48), (48, 72)]:
            assert any(low * hour < time <= high * hour for time in left), (low, high)
        refunds = Refund.objects.values_list("state").annotate(Count("pk"))
        assert {"succeeded", "declined", "reversed", "manual_due", "due"} == set(dict(refunds))
        assert {"INR", "EUR", "USD", "JPY"} <= set(
            Booking.objects.values_list("currency", flat=True)
        )
        assert broken(now) == {}

    def test_a_second_run_adds_nothing_even_days_later(self, seeded: datetime) -> None:
        before = Booking.objects.count(), OutboxEmail.objects.count(), StoredMessage.objects.count()

        assert demo.seed(seeded) == 0
        assert demo.seed(seeded + timedelta(days=3, hours=5)) == 0

        after = Booking.objects.count(), OutboxEmail.objects.count(), StoredMessage.objects.count()
        assert after == before

    def test_the_case_that_runs_out_is_refunded_within_two_minutes(self, seeded: datetime) -> None:
        now = seeded
        booking = Booking.objects.get(external_ref="demo-neha")
        assert booking.state == State.NO_SHOW_REPORTED

        for seconds in (60, 90, 99):
            sweeps.run_deadlines(now=now + timedelta(seconds=seconds))
        booking.refresh_from_db()
        assert booking.state == State.NO_SHOW_REPORTED

        sweeps.run_deadlines(now=now + timedelta(seconds=120))
        booking.refresh_from_db()
        assert booking.state == State.REFUNDED
        assert booking.refunds.get().amount_minor == booking.price_minor

    def test_the_inbox_holds_the_open_cases_in_order_and_nothing_else_waits(
        self, seeded: datetime
    ) -> None:
        times = list(StoredMessage.objects.order_by("id").values_list("created_at", flat=True))
        assert times == sorted(times)
        assert 40 < len(times) < 150
        assert max(times) <= seeded
        assert not OutboxEmail.objects.due(seeded).exists()
        assert not OutboxEmail.objects.filter(state="failed").exists()
        assert any(
            "/pick/" in text for text in StoredMessage.objects.values_list("text", flat=True)
        )

    def test_the_command_says_when_there_is_nothing_to_add(
        self, seeded: datetime, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("seed_demo")

        assert "nothing was added" in capsys.readouterr().out


def test_everybody_of_the_list_can_sign_in() -> None:
    people.gather()

    for email, password, _ in demo.SIGN_INS:
        assert User.objects.get(email=email).check_password(password)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # the clocks change in Berlin
        datetime(2026, 3, 1, 18, 31, tzinfo=UTC),  # a Sunday, just past midnight in Kolkata
    ][: effort(1)],
    ids=str,
)
def test_it_can_be_seeded_at_any_hour(now: datetime) -> None:
    assert demo.seed(now) > 70

    assert broken(now) == {}
    assert not Booking.objects.filter(created_at__gt=now).exists()


def test_it_can_be_seeded_under_any_limits(settings: Any) -> None:
    minute = timedelta(minutes=1)
    short = {k: minute if isinstance(v, timedelta) else v for k, v in settings.POLICY.items()}
    settings.POLICY = {**short, "min_offer_slots": 50, "expert_reminders": (minute,)}

    assert demo.seed(MONDAY_MORNING) > 70

    assert broken(MONDAY_MORNING) == {}
    fresh = Booking.objects.get(external_ref="demo-aisha")
    assert fresh.limits.no_show_window == minute


def test_a_site_with_real_mail_is_not_seeded_by_mistake(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEMO_INBOX = False
    use_mail(settings, "django.core.mail.backends.locmem.EmailBackend")

    with pytest.raises(CommandError, match="Nothing was added"):
        call_command("seed_demo")
    assert not Booking.objects.exists()

    call_command("seed_demo", "--anyway")
    assert Booking.objects.exists()
    assert mail.outbox == []
    assert "maya@demo.example  no-show-desk" in capsys.readouterr().out
