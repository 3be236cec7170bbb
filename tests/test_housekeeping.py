"""Rows that nobody needs any more go, and only those."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.test import Client

from bookings import housekeeping, sweeps
from bookings.checkouts import settling
from bookings.models import Checkout
from tests.builders import DAY, NOW, PASSWORD, make_expert
from tests.shoppers import make_checkout

pytestmark = pytest.mark.django_db


def sessions() -> None:
    for name, over_for in (("over", timedelta(seconds=1)), ("open", -DAY)):
        Session.objects.create(session_key=name, session_data="", expire_date=NOW - over_for)


def test_sessions_that_are_over_go() -> None:
    sessions()
    sweeps.run(now=NOW)
    assert [session.session_key for session in Session.objects.all()] == ["open"]


def test_attempts_to_sign_in_are_kept_for_a_day() -> None:
    for name, age in (("old", 25), ("new", 23)):
        attempt = AccessAttempt.objects.create(username=name, failures_since_start=1)
        at = NOW - timedelta(hours=age)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=at)
    assert sweeps.forget_old(now=NOW) == 1
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["new"]


def test_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "FORGET_AT_MOST", 2)
    for n in range(3):
        Session.objects.create(session_key=str(n), session_data="", expire_date=NOW - DAY)
    assert [sweeps.forget_old(now=NOW) for _ in range(3)] == [2, 1, 0]


def test_purchases_that_came_to_nothing_go_a_bounded_number_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many at once, as after a long stop, must not hold up a sweep."""
    monkeypatch.setattr(settling, "FORGET_AT_MOST", 2)
    for days in (95, 92, 91, 89):
        make_checkout(state="expired", created_at=NOW - days * DAY, request_key=f"form {days}")
    make_checkout(state="open", created_at=NOW - 95 * DAY, request_key="open")
    assert sweeps.forget_old(now=NOW) == 2
    assert Checkout.objects.filter(created_at=NOW - 91 * DAY).exists(), "the oldest go first"
    assert [sweeps.forget_old(now=NOW) for _ in range(2)] == [1, 0]
    assert Checkout.objects.count() == 2


def test_what_fails_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*, now: object) -> int:
        raise RuntimeError("locked")

    monkeypatch.setattr(settling, "forget_old", fails)
    sessions()
    assert sweeps.forget_old(now=NOW) == 1


def test_no_list_of_who_signed_in_from_where(client: Client, settings: Any) -> None:
    expert = make_expert()
    answer = client.post(
        "/sign-in/", {"username": expert.user.email, "password": PASSWORD}, follow=True
    )
    assert answer.context["user"].is_authenticated
    assert not AccessLog.objects.exists()
