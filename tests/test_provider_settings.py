"""Keys and addresses of the providers: nothing is needed, and nonsense is refused in sentences."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from topmate import services
from topmate.env import Env

STRIPE = "https://api.stripe.com"


def base_of(url: str, key: str = "sk_test_x") -> str:
    env = Env({"STRIPE_API_BASE": url})
    found = services.api_base(env, "STRIPE", STRIPE, key, is_public=False)
    env.finish()
    return found


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("", STRIPE),
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("http://127.0.0.1:9090/", "http://127.0.0.1:9090"),
        ("http://standin:9090/v1", "http://standin:9090"),
        ("https://host/stripe/v1/", "https://host/stripe"),
    ],
)
def test_the_address_of_a_provider(url: str, base: str) -> None:
    assert base_of(url) == base


@pytest.mark.parametrize("url", ["localhost:9090", "ftp://x", "https://", "http://u:p@x", "x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="STRIPE_API_BASE"):
        base_of(url)


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "rzp_live_x"])
def test_a_live_key_never_goes_over_plain_http(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must be https") as refused:
        base_of("http://127.0.0.1:9090", key)
    assert key not in str(refused.value)
    assert base_of("https://proxy.example", key) == "https://proxy.example"


@pytest.mark.parametrize("key", ["pk_test_x", "pk_live_x", "sk_test_ä"])
def test_a_key_that_cannot_be_right_is_refused_without_showing_it(key: str) -> None:
    env = Env({"STRIPE_SECRET_KEY": key})
    services.stripe_key(env)
    with pytest.raises(ImproperlyConfigured, match="STRIPE_SECRET_KEY") as refused:
        env.finish()
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"RAZORPAY_KEY_ID": "rzp_test_x"},
        {"RAZORPAY_KEY_SECRET": "x"},
        {"RAZORPAY_KEY_ID": "rzp_test_x:x", "RAZORPAY_KEY_SECRET": "x"},
    ],
)
def test_razorpays_keys_come_together(given: dict[str, str]) -> None:
    env = Env(given)
    services.razorpay_keys(env)
    with pytest.raises(ImproperlyConfigured, match="RAZORPAY_KEY_ID"):
        env.finish()
    right = Env({"RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "x"})
    assert services.razorpay_keys(right) == ("rzp_test_x", "x")
    right.finish()


# --- what experts sell with -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ROOM_ADDRESS": "http://rooms.example/{room}"}, "ROOM_ADDRESS"),
        ({"ROOM_ADDRESS": "https://rooms.example/"}, "ROOM_ADDRESS"),
        ({"ROOM_ADDRESS": "https://rooms.example/{room}/{room}"}, "ROOM_ADDRESS"),
        ({"ROOM_ADDRESS": "https://rooms.example/a {room}"}, "ROOM_ADDRESS"),
        ({"EMBED_FROM": "maya.example"}, "EMBED_FROM"),
        ({"EMBED_FROM": "https://maya.example/page"}, "EMBED_FROM"),
        ({"EMBED_FROM": "https://maya.example; script-src *"}, "EMBED_FROM"),
        ({"EMBED_FROM": "*"}, "EMBED_FROM"),
        ({"TAX_NAME": "VAT"}, "TAX_NAME"),
        ({"TAX_PERCENT": "19"}, "TAX_NAME"),
        ({"TAX_NAME": "VAT", "TAX_PERCENT": "much"}, "TAX_NAME"),
        ({"TAX_NAME": "VAT", "TAX_PERCENT": "100"}, "TAX_NAME"),
        ({"TAX_NAME": "VAT", "TAX_PERCENT": "NaN"}, "TAX_NAME"),
        ({"ROOM_ADDRESS": "https://rooms.example/x-{room}?a=1"}, ""),
        ({"EMBED_FROM": "https://maya.example, http://localhost:3000"}, ""),
        ({"TAX_NAME": "MwSt", "TAX_PERCENT": "7.7"}, ""),
        ({}, ""),
    ],
)
def test_what_experts_sell_with_is_read_or_refused(variables: dict[str, str], problem: str) -> None:
    env = Env(variables)
    services.room_address(env)
    services.embed_from(env)
    services.tax(env)
    assert [sentence.split()[0] for sentence in env.problems] == [problem][: bool(problem)]
