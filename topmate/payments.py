"""From STRIPE_… and RAZORPAY_… to what the gateways want to be told. Without keys: the sandbox."""

from __future__ import annotations

from topmate.env import Env

LIVE = ("sk_live_", "rk_live_", "rzp_live_")


def api_base(env: Env, provider: str, default: str, key: str) -> str:
    """Where the provider is, without a slash or /v1 at the end; a stand-in may be plain HTTP."""
    parts = env.url(f"{provider}_API_BASE", default, ("https", "http"))
    if not parts.hostname or parts.query or parts.username:
        env.problem(f"{provider}_API_BASE must be an address like {default}.")
    if parts.scheme == "http" and key.startswith(LIVE):
        env.problem(f"{provider}_API_BASE must be https: the key is a live one.")
    return parts.geturl().rstrip("/").removesuffix("/v1")


def stripe_key(env: Env) -> str:
    key = env.text("STRIPE_SECRET_KEY")
    if key.startswith("pk_"):
        env.problem("STRIPE_SECRET_KEY is the publishable key; the secret one starts with sk_.")
    if not key.isascii():
        env.problem("STRIPE_SECRET_KEY is not a key: it has letters no key has.")
    return key


def razorpay_keys(env: Env) -> tuple[str, str]:
    key_id, secret = env.text("RAZORPAY_KEY_ID"), env.text("RAZORPAY_KEY_SECRET")
    if bool(key_id) != bool(secret):
        env.problem("RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET are set together or not at all.")
    if ":" in key_id:
        env.problem("RAZORPAY_KEY_ID has a colon in it; is it the key's id?")
    return key_id, secret
