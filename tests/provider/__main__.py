"""`python -m tests.provider`: a payment provider on this machine, for trying out and for tests.

It has Stripe's and Razorpay's URLs, keeps books and moves no money; docs/providers.md describes it.
"""

from __future__ import annotations

import argparse
import os

from tests.provider.faults import Dice, ListLag
from tests.provider.server import Credentials, StandIn


def main() -> None:
    options = _options()
    keys = _keys()
    try:
        server = StandIn(options.host, options.port, file=options.file, keys=keys)
    except OSError as error:
        raise SystemExit(f"Cannot listen on port {options.port}: {error}") from error
    server.books.settles_after = options.settles_after
    server.books.list_lag = ListLag(options.list_lag)
    server.delay_seconds = options.delay_ms / 1000
    if site := options.webhooks_to.rstrip("/"):
        for provider, target in server.webhooks.targets.items():
            target.url = f"{site}/webhooks/{provider}/"
    if options.fault_rate:
        server.faults.dice = Dice(options.seed, options.fault_rate, seconds=options.fault_seconds)
    print(_environment(server.url, keys), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("Stopped.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.provider",
        description="Stripe's and Razorpay's URLs on this machine: keeps books, moves no money.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--file", default="", help="keep the books here, over restarts")
    parser.add_argument("--settles-after", type=float, default=10, help="seconds pending")
    parser.add_argument("--list-lag", type=float, default=0, help="seconds lists are behind")
    parser.add_argument("--delay-ms", type=float, default=0, help="before every answer")
    parser.add_argument("--webhooks-to", default="", help="the site's address")
    parser.add_argument("--seed", default="1", help="of the random faults")
    parser.add_argument("--fault-rate", type=float, default=0, help="0.5: every second call")
    parser.add_argument("--fault-seconds", type=float, default=5, help="how slow a slow one is")
    return parser.parse_args()


def _keys() -> Credentials:
    """The keys are the site's where it has some, so that both can be started from one
    environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")
    from django.conf import settings

    usual = Credentials()
    return Credentials(
        stripe_secret_key=settings.STRIPE_SECRET_KEY or usual.stripe_secret_key,
        stripe_webhook_secret=[*settings.STRIPE_WEBHOOK_SECRET, usual.stripe_webhook_secret][0],
        razorpay_key_id=settings.RAZORPAY_KEY_ID or usual.razorpay_key_id,
        razorpay_key_secret=settings.RAZORPAY_KEY_SECRET or usual.razorpay_key_secret,
        razorpay_webhook_secret=[
            *settings.RAZORPAY_WEBHOOK_SECRET,
            usual.razorpay_webhook_secret,
        ][0],
    )


def _environment(url: str, keys: Credentials) -> str:
    """What is printed, to be pasted where the site is started. A live key is never printed."""
    usual = set(vars(Credentials()).values()) | {url}
    return "\n".join(
        f"{name}={value if value in usual else '(as set)'}"
        for name, value in keys.settings(url).items()
    )


if __name__ == "__main__":
    main()
