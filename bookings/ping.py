"""Tells a service that watches for silence that a sweep began, ended or failed (`PING_URL`).

The addresses are those of healthchecks.io and of the many services that understand them:
`…/start`, the plain address, and `…/fail`. It is the one alarm that needs neither our database nor
our mail server. Whatever becomes of a ping, the sweep goes on.
"""

from __future__ import annotations

import logging
import threading
from typing import Literal

import requests
from django.conf import settings

logger = logging.getLogger(__name__)

SECONDS = 3.0
"""For all of it, the look-up of the name included. No sweep waits longer."""
LONGEST_TEXT = 4000


def send(what: Literal["start", "", "fail"], text: str = "") -> None:
    """Never inside a transaction: it would wait for a network."""
    if settings.PING_URL:
        # The look-up of a name knows no time-out, so it is left behind when it takes too long.
        sender = threading.Thread(target=_send, args=(what, text), name="ping", daemon=True)
        sender.start()
        sender.join(SECONDS)


def _send(what: str, text: str) -> None:
    address = "/".join(filter(None, (settings.PING_URL, what)))
    try:
        answer = requests.post(
            address,
            data=text[:LONGEST_TEXT].encode(),
            headers={"User-Agent": "topmate-bookings", "Content-Type": "text/plain"},
            timeout=SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        # Neither the address nor what requests says of it: whoever knows it can ping in our place.
        logger.warning("the ping of a sweep was not taken: %s", type(error).__name__)
