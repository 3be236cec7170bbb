"""What comes in from providers: only what they signed, each once, whatever the order."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, provider_events, refunds, sweeps
from bookings.gateways.webhooks import MOST_BYTES
from bookings.models import Payment, ProviderEvent, Refund, RefundState
from bookings.standin.server import StandIn
from tests.builders import NOW, make_booking, staff
from tests.providers import Provider, running

pytestmark = pytest.mark.django_db
SECRETS = {"stripe": ["whsec_new", "whsec_old"], "razorpay": ["new", "old"]}
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def secrets(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_standin"
    settings.STRIPE_WEBHOOK_SECRET = SECRETS["stripe"]
    settings.RAZORPAY_WEBHOOK_SECRET = SECRETS["razorpay"]


@pytest.fixture(params=["stripe", "razorpay"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def event_of(name: str, number: int = 1, **more: Any) -> dict[str, Any]:
    if name == "stripe":
        about = {"id": "pi_1", "object": "payment_intent"}
        event = {"id": f"evt_{number}", "type": "payment_intent.succeeded"}
        return {**event, "livemode": False, "data": {"object": about}, **more}
    payment = {"entity": {"id": "pay_1", "order_id": "order_1"}}
    return {"event": "payment.captured", "payload": {"payment": payment}, "n": number, **more}


def signed(
    name: str, body: bytes, *, secret: str = "", at: float | None = None, event_id: str = "ev_1"
) -> dict[str, str]:
    key = (secret or SECRETS[name][0]).encode()
    if name == "razorpay":
        signature = hmac.new(key, body, hashlib.sha256).hexdigest()
        return {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": event_id}
    stamp = int(time.time() if at is None else at)
    signature = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signature}"}


def send(client: Client, name: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    given = signed(name, body) if headers is None else headers
    url = f"/webhooks/{name}/"
    answer = client.generic("POST", url, body, "application/json", headers=given)
    return answer.status_code


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
    """2,000 seeded mutations of bodies, signatures and headers: 200 only for the one true body."""
    chance = random.Random(20261123)
    answers: dict[int, int] = {}
    for number in range(2000):
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
    old = now - provider_events.KEPT_FOR - MINUTE
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
    monkeypatch.setattr(
        provider_events,
        "_ask_about",
        lambda row, now: seen.append(provider_events.work_on(row.pk, now=now)) or True,
    )
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
    assert row.next_attempt_at > now
    assert "Connection" in row.last_error
    for _ in range(provider_events.MOST_TRIES):
        now += timedelta(hours=7)
        provider_events.work_on(row.pk, now=now)
    row.refresh_from_db()
    assert (row.attempts, row.next_attempt_at) == (provider_events.MOST_TRIES, None)


# --- W05: the mail service's own webhook ---------------------------------------------------------


def test_w05_there_is_no_mail_webhook_without_a_secret(client: Client) -> None:
    """Anymail's tracking address is not even there: nothing of it is used."""
    for path in ("/anymail/postmark/tracking/", "/webhooks/anymail/", "/webhooks/mail/"):
        assert client.post(path, "{}", content_type="application/json").status_code == 404


# --- M10 and M11: order, duplicates, delay and loss ----------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def provider(name: str, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    settings.STRIPE_WEBHOOK_SECRET = [keys.stripe_webhook_secret]
    settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
    settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    settings.RAZORPAY_WEBHOOK_SECRET = [keys.razorpay_webhook_secret]
    settings.PROVIDER_TIMEOUT = timedelta(seconds=2)
    provider = Provider(server, name)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def events_of(provider: Provider) -> list[dict[str, Any]]:
    with urllib.request.urlopen(provider.server.url + "/_events", timeout=10) as answer:
        return list(json.load(answer)["events"])


def sent_refund(provider: Provider) -> Refund:
    """A refund the provider has taken, seen by us as far as `accepted`."""
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    refund = Refund.objects.get(booking=booking)
    refunds.execute(refund.pk, now=NOW + MINUTE)
    refund.refresh_from_db()
    assert refund.state == RefundState.ACCEPTED
    return refund


def outcome(refund: Refund) -> tuple[Any, ...]:
    refund.refresh_from_db()
    payment = Payment.objects.get(pk=refund.payment_id)
    verbs = [
        event.verb for event in refund.booking.events.all() if event.verb.startswith("refund_s")
    ]
    return (
        refund.state,
        bool(refund.reference),
        payment.returned_external_minor,
        payment.reserved_minor,
        verbs,
        refund.booking.emails.filter(kind="refund_confirmed").count(),
    )


@pytest.mark.parametrize("seed", range(4))
def test_m10_order_duplicates_and_delay_make_no_difference(
    provider: Provider, client: Client, seed: int, settings: Any
) -> None:
    """25 rounds: the events of one refund, shuffled, up to five times each, some of them lost,
    some worked on before the provider has settled, some days later."""
    settings.BREAKER_LEAST = 1000
    chance = random.Random(seed)
    for _ in range(25):
        refund = sent_refund(provider)
        early = events_about(refund, provider)
        take(client, chance.choices(early, k=3), chance)
        provider.tell(advance=61)
        late = events_about(refund, provider) * chance.randrange(1, 6)
        chance.shuffle(late)
        take(client, late[: max(1, chance.randrange(len(late)))], chance)
        assert outcome(refund) == (
            RefundState.SUCCEEDED, True, 0, 240000, ["refund_succeeded"], 1,
        )  # fmt: skip
        ProviderEvent.objects.all().delete()


def events_about(refund: Refund, provider: Provider) -> list[dict[str, Any]]:
    ref = refund.payment.provider_ref
    return [event for event in events_of(provider) if ref in event["body"]]


def take(client: Client, events: list[dict[str, Any]], chance: random.Random) -> None:
    """Deliver them; work on the inbox now and then, and at the end, in any order."""
    for event in events:
        body = event["body"].encode()
        assert send(client, event["provider"], body, event["headers"]) == 200
        if chance.random() < 0.3:
            work_on_all()
    work_on_all(days=3)


def work_on_all(*, days: int = 0) -> None:
    for pk in ProviderEvent.objects.order_by("?").values_list("pk", flat=True):
        provider_events.work_on(pk, now=timezone.now() + timedelta(days=days))


def test_m11_no_webhook_ever(provider: Provider) -> None:
    refund = sent_refund(provider)
    provider.tell(advance=61)
    sweeps.run(now=refund.next_attempt_at)
    assert outcome(refund)[:5] == (RefundState.SUCCEEDED, True, 0, 240000, ["refund_succeeded"])
    assert rows() == 0


def test_a_dispute_is_heard_of_in_any_order(provider: Provider, client: Client) -> None:
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    for status in ("open", "lost"):
        provider.tell(dispute={"payment": ref, "status": status})
    for event in reversed(events_of(provider)):
        assert send(client, provider.name, event["body"].encode(), event["headers"]) == 200
    work_on_all()
    payment = Payment.objects.get(booking=booking)
    assert (payment.is_disputed, payment.returned_external_minor) == (False, 240000)


def test_a_refund_of_the_dashboard_is_heard_of(provider: Provider, client: Client) -> None:
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    provider.tell(external_refund={"payment": ref, "amount": 40000})
    for event in events_of(provider):
        send(client, provider.name, event["body"].encode(), event["headers"])
    work_on_all()
    assert Payment.objects.get(booking=booking).returned_external_minor == 40000
