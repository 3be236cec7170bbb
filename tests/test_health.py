"""The probes: what each of them takes for broken, and what not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from bookings.models import Heartbeat

pytestmark = pytest.mark.django_db


def swept(ago: timedelta) -> None:
    """Through `update`, because the field may set itself on saving."""
    at = timezone.now() - ago
    Heartbeat.objects.update_or_create(name="sweep", defaults={"finished_at": at})


def test_a_site_that_never_swept_is_ready_but_not_well(client: Client) -> None:
    assert client.get("/readyz").status_code == 200
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["sweep"]) == (503, "never")


def test_a_late_sweep_raises_the_alarm_and_takes_no_server_away(client: Client) -> None:
    swept(3 * settings.SWEEP_EVERY + timedelta(seconds=5))
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["sweep"]) == (503, "late")
    assert client.get("/readyz").status_code == 200


def test_a_fresh_sweep_is_well(client: Client) -> None:
    swept(settings.SWEEP_EVERY)
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["sweep"]) == (200, "ok")
    assert response.json()["sweep_age_s"] >= int(settings.SWEEP_EVERY.total_seconds())


def test_without_a_database_it_lives_but_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "failed")


def test_probes_only_look(client: Client) -> None:
    for address in ("/healthz", "/readyz", "/healthz/deep"):
        assert client.post(address).status_code == 405
