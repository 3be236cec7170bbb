"""/metrics: who may read it, and what it counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "a-token-of-many-letters"
AUTHORIZED = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_for(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    settings.MIDDLEWARE = ["topmate.middleware.MeasureMiddleware", *settings.MIDDLEWARE]


def test_without_a_setting_there_is_no_such_page(client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404


@pytest.mark.usefixtures("asked_for")
@pytest.mark.parametrize("told", ["", "Bearer", "Bearer x", TOKEN[:-1], f"Bearer {TOKEN}é"])
def test_a_wrong_token_does_not_learn_that_it_is_there(client: Client, told: str) -> None:
    assert client.get("/metrics", HTTP_AUTHORIZATION=told).status_code == 404


@pytest.mark.usefixtures("asked_for")
def test_a_named_network_needs_no_token(client: Client, settings: Any) -> None:
    settings.METRICS_FROM = [ip_network("10.1.0.0/16")]
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.2.2.3").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 404
    forged = client.get("/metrics", REMOTE_ADDR="10.2.2.3", HTTP_X_FORWARDED_FOR="10.1.2.3")
    assert forged.status_code == 404


def read(client: Client) -> str:
    response = client.get("/metrics", **AUTHORIZED)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.usefixtures("asked_for")
def test_requests_are_counted_by_page_and_never_by_address(client: Client) -> None:
    before = count(read(client), "report", "404")
    client.get("/report/a-key-that-nobody-may-read/")
    text = read(client)
    assert count(text, "report", "404") == before + 1
    assert "a-key-that" not in text
    assert "topmate_database_ok 1.0" in text
    assert "topmate_sweep_ok 0.0" in text, "none has ever finished here"


def number(text: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0


def count(text: str, page: str, status: str) -> float:
    pattern = (
        rf'topmate_request_seconds_count{{method="GET",page="{page}",status="{status}"}} (\S+)'
    )
    found = re.search(pattern, text)
    return float(found[1]) if found else 0


@pytest.mark.usefixtures("asked_for")
def test_what_another_process_counted_is_added(client: Client, settings: Any) -> None:
    script = (
        "import django; django.setup()\n"
        "from bookings import metrics\n"
        "metrics.note_answer('api.example.org', 503); metrics.note_mails(3)"
    )
    own = {"DATA_DIR": str(settings.DATA_DIR), "METRICS_TOKEN": TOKEN}
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "topmate.settings", **own}
    before = number(read(client), "topmate_emails_sent_total")
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=variables, check=True)
    text = read(client)
    name = 'topmate_provider_answers_total{host="api.example.org",status="503"}'
    assert f"{name} 2.0" in text
    assert number(text, "topmate_emails_sent_total") == before + 6

    from bookings import metrics

    metrics.forget_ended()
    assert name not in read(client)


@pytest.mark.usefixtures("asked_for")
def test_the_rules_for_alarms_name_what_there_is(client: Client) -> None:
    client.get("/healthz")
    named = set(re.findall(r"topmate_\w+", (ROOT / "deploy" / "alerts.yml").read_text()))
    from bookings import metrics

    metrics.note_answer("api.example.org", 200)
    text = read(client)
    assert len(named) > 12
    assert {name for name in named if f"\n{name}" not in text} <= {
        "topmate_sweep_age_seconds", "topmate_worker_age_seconds",  # nothing to tell yet
    }  # fmt: skip


@pytest.mark.usefixtures("asked_for")
def test_what_cannot_be_counted_is_done_all_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bookings import metrics

    def full() -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(metrics, "counted", full)
    assert client.get("/healthz").status_code == 200
    metrics.note_answer("api.example.org", 200)
    metrics.note_mails(1)


@pytest.fixture(autouse=True)
def nobody_counts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """In other tests of this process nobody asks for /metrics."""
    from bookings import metrics

    monkeypatch.setattr(metrics, "_counted", metrics._counted)
