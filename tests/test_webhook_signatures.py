"""W01 and W02: whatever is wrong with a webhook, there is one answer to it."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.gateways.webhooks import BadSignature, verify_razorpay, verify_stripe
from tests.effort import effort

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "whsec_test"
BODY = json.dumps({"id": "evt_1", "object": "event", "note": "₹ 2,400"}).encode()


def hmac_of(signed: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def stripe_headers(
    body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW
) -> dict[str, str]:
    stamp = int(at.timestamp())
    return {"Stripe-Signature": f"t={stamp},v1={hmac_of(f'{stamp}.'.encode() + body, secret)}"}


def razorpay_headers(body: bytes = BODY, *, secret: str = SECRET) -> dict[str, str]:
    return {"X-Razorpay-Signature": hmac_of(body, secret)}


def check_stripe(headers: dict[str, str], body: bytes = BODY, *secrets: str) -> dict[str, Any]:
    return verify_stripe(headers, body, secrets or [SECRET], now=lambda: NOW)


def check_razorpay(headers: dict[str, str], body: bytes = BODY, *secrets: str) -> dict[str, Any]:
    return verify_razorpay(headers, body, secrets or [SECRET])


def test_a_good_one_is_read() -> None:
    assert check_stripe(stripe_headers())["note"] == "₹ 2,400"
    assert check_razorpay(razorpay_headers())["note"] == "₹ 2,400"
    lower = {name.lower(): value for name, value in stripe_headers().items()}
    assert check_stripe(lower)["id"] == "evt_1"


def test_stripes_own_library_signs_what_we_accept() -> None:
    stamp = int(NOW.timestamp())
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, stamp)
    assert check_stripe({"Stripe-Signature": header})["id"] == "evt_1"


def test_w01_two_secrets_while_one_is_changed() -> None:
    for secret in ("old", "new"):
        assert check_stripe(stripe_headers(secret=secret), BODY, "new", "old")
        assert check_razorpay(razorpay_headers(secret=secret), BODY, "new", "old")
    with pytest.raises(BadSignature):
        check_stripe(stripe_headers(secret="older"), BODY, "new", "old")
    with pytest.raises(BadSignature):
        check_razorpay(razorpay_headers(secret="older"), BODY, "new", "old")


def test_w01_stripe_may_send_two_signatures() -> None:
    """It does, while its side of the secret is changed."""
    good = stripe_headers()["Stripe-Signature"]
    stamp, signature = good.split(",")
    assert check_stripe({"Stripe-Signature": f"{stamp},v1={'0' * 64},{signature},v0=x"})


def test_w01_without_a_secret_nothing_is_accepted() -> None:
    for secrets in ([], [""]):
        with pytest.raises(BadSignature):
            verify_stripe(stripe_headers(secret=""), BODY, secrets, now=lambda: NOW)
        with pytest.raises(BadSignature):
            verify_razorpay(razorpay_headers(secret=""), BODY, secrets)


@pytest.mark.parametrize("seconds", [-301, -86400, 301, 86400])
def test_w01_too_old_or_from_the_future(seconds: int) -> None:
    with pytest.raises(BadSignature):
        check_stripe(stripe_headers(at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_w01_five_minutes_are_tolerated(seconds: int) -> None:
    assert check_stripe(stripe_headers(at=NOW + timedelta(seconds=seconds)))


STAMP = int(NOW.timestamp())
RIGHT = stripe_headers()["Stripe-Signature"].partition("v1=")[2]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "v1=",
        RIGHT,
        f"v1={RIGHT}",
        f"t={STAMP}",
        f"t={STAMP},v0={RIGHT}",
        f"t={STAMP},v1=",
        f"t={STAMP},v1={RIGHT[:-1]}",
        f"t={STAMP},v1={RIGHT}0",
        f"t={STAMP},v1={RIGHT.upper()}",
        f"t={STAMP + 1},v1={RIGHT}",
        f"t={STAMP},t={STAMP},v1={RIGHT}",
        f"t={STAMP}.0,v1={RIGHT}",
        f"t=0{STAMP},v1={RIGHT}",
        f"t=1e9,v1={RIGHT}",
        f"t={'9' * 5000},v1={RIGHT}",
        f"t={STAMP},v1=\u00e4\u20ac{RIGHT[2:]}",
        f"t={STAMP},v1=\ud800",
        "\x00",
        "=,=,=",
        ",,,,",
    ],
)
def test_w02_headers_of_every_kind_are_one_refusal(header: str) -> None:
    with pytest.raises(BadSignature):
        check_stripe({"Stripe-Signature": header})
    with pytest.raises(BadSignature):
        check_razorpay({"X-Razorpay-Signature": header})


def test_w02_a_missing_header() -> None:
    with pytest.raises(BadSignature):
        check_stripe({})
    with pytest.raises(BadSignature):
        check_razorpay({"Stripe-Signature": "x"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"[]",
        b"null",
        b"1",
        b"NaN",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        BODY.decode().encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
)
def test_w02_a_body_that_is_no_object_is_refused_although_it_is_signed(body: bytes) -> None:
    with pytest.raises(BadSignature):
        check_stripe(stripe_headers(body), body)
    with pytest.raises(BadSignature):
        check_razorpay(razorpay_headers(body), body)


@settings(max_examples=effort(50))
@given(st.text(max_size=200), st.binary(max_size=200))
def test_w02_nothing_but_one_error_ever_comes_out(header: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        check_stripe({"Stripe-Signature": header}, body)
    with pytest.raises(BadSignature):
        check_razorpay({"X-Razorpay-Signature": header}, body)


@settings(max_examples=effort(50))
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_w01_a_changed_byte_is_found(place: int, change: int) -> None:
    body = bytearray(BODY)
    body[place] ^= change
    with pytest.raises(BadSignature):
        check_stripe(stripe_headers(), bytes(body))
    with pytest.raises(BadSignature):
        check_razorpay(razorpay_headers(), bytes(body))
