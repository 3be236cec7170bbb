"""An authenticator app to play with, and the steps of signing in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP

from bookings import second_factor
from bookings.models import User
from tests.builders import PASSWORD


@dataclass(frozen=True)
class App:
    """Shows the code of this moment, as long as the clock stands still."""

    key: str

    def code(self, *, steps: int = 0) -> str:
        totp = TOTP(bytes.fromhex(self.key), drift=steps)
        totp.time = timezone.now().timestamp()
        return f"{totp.token():06d}"

    def wrong(self) -> str:
        right = {self.code(steps=step) for step in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def set_up(user: User) -> tuple[App, list[str]]:
    """An app of theirs, and the recovery codes. The code it showed is used up."""
    app = App(second_factor.new_key())
    codes = second_factor.set_up(user, app.key, app.code(), now=timezone.now())
    assert codes is not None
    return app, codes


def give_password(client: Client, user: User, **more: Any) -> Any:
    return client.post("/sign-in/", {"username": user.email, "password": PASSWORD, **more})


def give_code(client: Client, code: str) -> Any:
    return client.post("/sign-in/code/", {"code": code})


def is_signed_in(client: Client) -> bool:
    return bool(client.get("/account/").status_code == 200)


def offered(answer: Any) -> tuple[App, str]:
    """The key that a page shows, and what its form sends back of it."""
    html = answer.content.decode()
    found = re.search(r'name="offered" value="([^"]+)"', html)
    key = re.search(r'class="key">([A-Z2-7 ]+)<', html)
    assert found is not None
    assert key is not None
    from base64 import b32decode

    return App(b32decode(key[1].replace(" ", "")).hex()), unescape(found[1])


def codes_in(answer: Any) -> list[str]:
    return re.findall(r"\b(?:[a-z2-9]{4}-){5}[a-z2-9]{4}\b", answer.content.decode())
