"""From STRIPE_… and RAZORPAY_… to what the gateways want to be told. Without keys: the sandbox."""

from __future__ import annotations

from topmate.env import Env

LIVE = ("sk_live_", "rk_live_", "rzp_live_")


def sells_by_sandbox(env: Env, *, has_keys: bool, is_public: bool) -> bool:
    """Without keys the sandbox plays the provider: on this machine only, elsewhere calls would be
    given away. `PAYMENTS=none` is the word of an owner who sells nothing that costs money."""
    wish = env.choice("PAYMENTS", "", ("", "none"))
    if wish == "none" and has_keys:
        env.problem("PAYMENTS=none and the keys of a payment provider are set; leave one out.")
    if is_public and not has_keys and wish != "none":
        env.problem(
            "No payment provider has keys, and the sandbox moves no money: set STRIPE_SECRET_KEY, "
            "or RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET, or PAYMENTS=none to offer only free calls."
        )
    return not (has_keys or is_public or wish)


def api_base(env: Env, provider: str, default: str, key: str, *, is_public: bool) -> str:
    """Where the provider is, without a slash or /v1 at the end; a stand-in may be plain HTTP."""
    parts = env.url(f"{provider}_API_BASE", default, ("https", "http"))
    if not parts.hostname or parts.query or parts.username:
        env.problem(f"{provider}_API_BASE must be an address like {default}.")
    if parts.scheme == "http" and key.startswith(LIVE):
        env.problem(f"{provider}_API_BASE must be https: the key is a live one.")
    elif parts.scheme == "http" and is_public:
        env.problem(f"{provider}_API_BASE must be https on a site that others can reach.")
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
