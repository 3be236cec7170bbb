"""The probe for an alarm knows more than whether the site answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import emails, figures, sweeps, tasks
from bookings.models import OutboxEmail, OutboxState
from tests.test_alarms import MINUTE, SECOND, beats

pytestmark = pytest.mark.django_db


def test_the_deep_probe_is_red_until_beat_has_asked_for_a_sweep(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "broker", lambda: "ok")
    sweeps.sweep()
    tasks.note_worker()
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["beat"]) == (503, "never")
    tasks.note_worker(is_for_beat=True)
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["beat"]) == (200, "ok")


def test_the_deep_probe_knows_what_waits(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps.sweep()
    state = client.get("/healthz/deep")
    assert state.status_code == 200, state.json()
    late = timezone.now() - 6 * MINUTE
    emails.queue("staff_sweep_late", now=late)
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["emails"]) == (503, "late")
    assert response.json()["email_oldest_s"] >= 360
    OutboxEmail.objects.update(state=OutboxState.FAILED, next_attempt_at=None)
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["emails_given_up"]) == (200, 1)


def test_the_deep_probe_asks_as_much_for_many_rows_as_for_one(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    sweeps.sweep()
    with django_assert_max_num_queries(9):
        assert json.loads(client.get("/healthz/deep").content)["refunds_held"] == 0


def test_a_heartbeat_from_the_future_is_no_heartbeat(client: Client) -> None:
    beats("sweep", -20 * SECOND)
    assert client.get("/healthz/deep").json()["sweep"] == "wrong"


def test_a_sweep_by_hand_hides_no_worker_that_is_silent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "broker", lambda: "ok")
    beats("worker", 10 * MINUTE)
    sweeps.sweep()
    state = client.get("/healthz/deep")
    assert state.status_code == 503
    assert (state.json()["sweep"], state.json()["worker"]) == ("ok", "late")
