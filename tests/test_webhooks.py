"""What comes in from providers: only what they signed, each once, whatever the order."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import provider_events
from bookings.gateways.webhooks import MOST_BYTES
from bookings.models import Payment, ProviderEvent
from tests.builders import make_booking, make_staff
from tests.effort import effort
from tests.shoppers import make_checkout
from tests.webhooks import SECRETS, event_of, send, signed

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def secrets(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_standin"
    settings.STRIPE_WEBHOOK_SECRET = SECRETS["stripe"]
    settings.RAZORPAY_WEBHOOK_SECRET = SECRETS["razorpay"]


@pytest.fixture(params=["stripe", "razorpay"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows() -> int:
    return ProviderEvent.objects.count()


# --- W01: only what the provider signed, and each once -------------------------------------------


def test_w01_signed_is_kept_once_and_answered(client: Client, name: str) -> None:
    body = json.dumps(event_of(name)).encode()
    assert [send(client, name, body) for _ in range(5)] == [200] * 5
    row = ProviderEvent.objects.get()
    assert (row.body, row.provider) == (body.decode(), name)
    assert row.kind in ("payment_intent.succeeded", "payment.captured")


def test_w01_the_secret_before_is_taken_too(client: Client, name: str) -> None:
    body = json.dumps(event_of(name)).encode()
    assert send(client, name, body, signed(name, body, secret=SECRETS[name][1])) == 200
    assert send(client, name, body, signed(name, body, secret="forged")) == 400
    assert rows() == 1


def test_w01_forged_unsigned_and_tampered_leave_nothing(client: Client, name: str) -> None:
    body = json.dumps(event_of(name)).encode()
    good = signed(name, body)
    tampered = body.replace(b"_1", b"_2", 1)
    assert send(client, name, body, {}) == 400
    assert send(client, name, tampered, good) == 400
    assert send(client, name, body, signed(name, body, secret="forged")) == 400
    other = "razorpay" if name == "stripe" else "stripe"
    assert send(client, other, body, good) == 400
    assert rows() == 0


def test_w01_an_old_stamp_is_refused(client: Client) -> None:
    body = json.dumps(event_of("stripe")).encode()
    for at in (time.time() - 310, time.time() + 310):
        assert send(client, "stripe", body, signed("stripe", body, at=at)) == 400
    assert rows() == 0


def test_w01_a_replay_under_another_id_is_known_by_its_body(client: Client) -> None:
    """Razorpay does not sign the id of an event."""
    body = json.dumps(event_of("razorpay")).encode()
    for event_id in ("ev_1", "ev_2", "", "x" * 500, "\u00e9"):
        headers = signed("razorpay", body, event_id=event_id)
        assert send(client, "razorpay", body, headers) == 200
    assert rows() == 1


def test_w01_another_body_under_the_same_id_is_known_by_its_id(client: Client) -> None:
    first, second = (json.dumps(event_of("stripe", created=n)).encode() for n in (1, 2))
    assert [send(client, "stripe", body) for body in (first, second)] == [200, 200]
    assert rows() == 1


def test_w01_without_secrets_nothing_is_taken(client: Client, name: str, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = settings.RAZORPAY_WEBHOOK_SECRET = []
    body = json.dumps(event_of(name)).encode()
    assert send(client, name, body) == 400
    settings.STRIPE_WEBHOOK_SECRET = settings.RAZORPAY_WEBHOOK_SECRET = [""]
    key = hmac.new(b"", body, hashlib.sha256).hexdigest()
    assert send(client, name, body, {"X-Razorpay-Signature": key}) == 400


# --- W02: whatever comes, no 5xx ----------------------------------------------------------------


def test_w02_other_methods_are_405(client: Client, name: str) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert client.generic(method, f"/webhooks/{name}/").status_code == 405


def test_w02_too_large_is_413_and_not_read(client: Client, name: str) -> None:
    for size in (MOST_BYTES + 1, 10 * 1024 * 1024):
        body = b"x" * size
        assert send(client, name, body) == 413
    body = json.dumps(event_of(name, pad="x" * (MOST_BYTES - 300))).encode()
    assert len(body) <= MOST_BYTES
    assert send(client, name, body) == 200


class _Broken:
    """A connection that ends in the middle."""

    def read(self, *size: int) -> bytes:
        raise OSError("connection reset")

    readline = read


@pytest.mark.parametrize(
    "odd", [{"CONTENT_LENGTH": "many"}, {"CONTENT_LENGTH": "-5"}, {"wsgi.input": _Broken()}]
)
def test_w02_a_request_that_cannot_be_read_is_400(
    client: Client, name: str, odd: dict[str, Any]
) -> None:
    body = json.dumps(event_of(name)).encode()
    url = f"/webhooks/{name}/"
    answer = client.generic("POST", url, body, headers=signed(name, body), **odd)
    assert answer.status_code == 400
    assert rows() == 0


STRANGE: list[bytes] = [
    b"", b"null", b"[]", b'"x"', b"1", b"{", b"\xff\xfe", b"\x00", b"{}", b'{"id": NaN}',
    b"[" * 100_000, b'{"a":' * 50_000, '{"id": "\ud83d"}'.encode("utf-16-le", "surrogatepass"),
    b'{"id": "\\ud800", "type": "\\u0000"}', b'{"id": {"a": 1}, "type": [], "data": []}',
    b'{"id": "x", "data": {"object": []}}', b'{"event": 7, "payload": [1]}',
    b'{"payload": {"payment": [], "order": {"entity": 3}}}', b'{"type": "' + b"t" * 500 + b'"}',
    b'{"data": {"object": {"payment_intent": {"id": ["x"]}, "metadata": "x"}}}',
]  # fmt: skip


@pytest.mark.parametrize("body", STRANGE)
def test_w02_signed_nonsense_is_harmless(client: Client, name: str, body: bytes) -> None:
    """Even with the right signature: kept and worked on, or refused, but never an error."""
    assert send(client, name, body) in (200, 400)
    for row in ProviderEvent.objects.all():
        provider_events.work_on(row.pk, now=timezone.now())
        row.refresh_from_db()
        assert "nothing that is ours" in row.last_error


def test_w02_fuzzed_bodies_and_headers(client: Client) -> None:
    """2,000 seeded mutations of bodies, signatures and headers: 200 only for the one true body.
    TEST_EFFORT=5 makes it 10,000."""
    chance = random.Random(20261123)
    answers: dict[int, int] = {}
    for number in range(effort(2000)):
        name = chance.choice(["stripe", "razorpay"])
        true_body = json.dumps(event_of(name, number)).encode()
        body, headers = _mutated(chance, name, true_body)
        status = send(client, name, body, headers)
        is_true = headers in (signed(name, true_body), signed(name, true_body, event_id="ev_9"))
        assert status in (400, 413) or (status == 200 and body == true_body), (name, headers)
        answers[status] = answers.get(status, 0) + 1
        assert status != 200 or is_true or name == "stripe"
    assert answers[400] > 1000


def _mutated(chance: random.Random, name: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    headers = signed(name, body)
    header = next(iter(headers))
    noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))
    at = chance.randrange(len(body))
    text = "".join(chr(chance.randrange(33, 0x2FF)) for _ in range(chance.randrange(40)))
    mutations: list[Callable[[], tuple[bytes, dict[str, str]]]] = [
        lambda: (body[:at] + noise + body[at:], headers),
        lambda: (body[:at], headers),
        lambda: (noise, headers),
        lambda: (body, {header: text}),
        lambda: (body, {header: headers[header][:-1]}),
        lambda: (body, {header: headers[header].replace("=", text or "x")[:-1]}),
        lambda: (body, {header: f"t=,v1=,{text}"}),
        lambda: (body, {header: f"t={'9' * 400},v1={headers[header]}"}),
        lambda: (body, {header: ",".join([text] * 200)}),
        lambda: (body, {}),
        lambda: (noise, signed(name, noise)),
    ]
    return chance.choice(mutations)()


# --- W03: signed, but not for us -----------------------------------------------------------------


@pytest.mark.parametrize(
    "strange", [{"livemode": True}, {"account": "acct_of_somebody", "livemode": False}]
)
def test_w03_another_mode_or_account_is_ignored_and_logged(
    client: Client, strange: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(event_of("stripe", **strange)).encode()
    assert send(client, "stripe", body) == 200
    assert rows() == 0
    assert "is ignored" in caplog.text


def test_w03_a_live_key_takes_only_live_events(client: Client, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_live_x"
    for number, is_live in enumerate([True, False]):
        body = json.dumps(event_of("stripe", number, livemode=is_live)).encode()
        assert send(client, "stripe", body) == 200
    assert ProviderEvent.objects.get().event_id == "evt_0"


def test_w03_what_is_of_another_tenant_changes_nothing(client: Client, name: str) -> None:
    """The payment is unknown here, or known for another provider."""
    other = "razorpay" if name == "stripe" else "stripe"
    ref = "pi_1" if name == "stripe" else "pay_1"
    booking = make_booking(provider=other, payment_ref=ref)
    body = json.dumps(event_of(name)).encode()
    assert send(client, name, body) == 200
    now = timezone.now()
    for _ in range(provider_events.STRANGER_TRIES):
        now += timedelta(hours=1)
        provider_events.work_on(ProviderEvent.objects.get().pk, now=now)
    row = ProviderEvent.objects.get()
    assert (row.next_attempt_at, row.processed_at) == (None, now)
    assert row.last_error == "It is about nothing that is ours."
    assert Payment.objects.get(booking=booking).reconciled_at is None


# --- W04: many ------------------------------------------------------------------------------------


def test_w04_a_flood_leaves_no_rows_and_asks_the_database_nothing(
    client: Client, name: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        for number in range(500):
            body = json.dumps(event_of(name, number)).encode()
            assert send(client, name, body, signed(name, body, secret="forged")) == 400
    assert rows() == 0


def test_w04_the_inbox_is_bounded(client: Client, name: str) -> None:
    now = timezone.now()
    old = now - timedelta(days=90) - MINUTE
    for number, (received, due) in enumerate([(old, None), (old, old), (now, None)]):
        ProviderEvent.objects.create(
            provider=name, event_id=str(number), body_sha256=str(number), kind="x", body="{}",
            received_at=received, next_attempt_at=due,
        )  # fmt: skip
    assert provider_events.forget_old(now=now) == 1
    assert set(ProviderEvent.objects.values_list("event_id", flat=True)) == {"1", "2"}


def test_one_event_is_worked_on_by_one_at_a_time(client: Client, monkeypatch: Any) -> None:
    """The lease: who comes second while the first still asks has nothing to do."""
    body = json.dumps(event_of("stripe")).encode()
    send(client, "stripe", body)
    row, now = ProviderEvent.objects.get(), timezone.now()
    seen: list[bool] = []

    def ask(row: ProviderEvent, *, now: datetime) -> bool:
        seen.append(provider_events.work_on(row.pk, now=now))
        return True

    monkeypatch.setattr(provider_events, "_ask_about", ask)
    assert provider_events.work_on(row.pk, now=now)
    assert seen == [False]
    assert not provider_events.work_on(row.pk, now=now + timedelta(days=1))


def test_a_provider_that_is_away_is_asked_again(client: Client, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    make_booking(provider="stripe", payment_ref="pi_1")
    body = json.dumps(event_of("stripe")).encode()
    send(client, "stripe", body)
    row, now = ProviderEvent.objects.get(), timezone.now()
    assert provider_events.work_on(row.pk, now=now)
    row.refresh_from_db()
    assert row.processed_at is None
    assert row.next_attempt_at
    assert row.next_attempt_at > now
    assert "Connection" in row.last_error
    for _ in range(provider_events.MOST_TRIES):
        now += timedelta(hours=7)
        provider_events.work_on(row.pk, now=now)
    row = ProviderEvent.objects.get()
    assert (row.attempts, row.next_attempt_at) == (provider_events.MOST_TRIES, None)


# --- W05: the mail service's own webhook ---------------------------------------------------------


def test_w05_there_is_no_mail_webhook_without_a_secret(client: Client) -> None:
    """Anymail's tracking address is not even there: nothing of it is used."""
    for path in ("/anymail/postmark/tracking/", "/webhooks/anymail/", "/webhooks/mail/"):
        assert client.post(path, "{}", content_type="application/json").status_code == 404


def test_staff_reads_the_inbox_and_the_purchases(client: Client) -> None:
    body = json.dumps(event_of("stripe")).encode()
    send(client, "stripe", body)
    checkout = make_checkout()
    client.force_login(make_staff())
    for model, row in (("providerevent", ProviderEvent.objects.get()), ("checkout", checkout)):
        listed = client.get(f"/admin/bookings/{model}/")
        shown = client.get(f"/admin/bookings/{model}/{row.pk}/change/")
        assert (listed.status_code, shown.status_code) == (200, 200)
        assert checkout.key not in listed.content.decode() + shown.content.decode()
        assert client.post(f"/admin/bookings/{model}/{row.pk}/change/", {}).status_code == 403
