"""The lying provider as a process of its own, so that it can be killed: its books are on disk."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos.arming import LIST_LAG, append, scale_of_waits
from tests.provider.calls import Call
from tests.provider.faults import NO_FAULT, RANDOM_KINDS, Dice, Fault, ListLag
from tests.provider.server import StandIn
from tests.provider.webhooks import Noise

SLOW, VERY_SLOW = 2.0, 15.0
"""Seconds: long after the client has stopped waiting, and has tried again."""
KINDS = (*(kind for kind in RANDOM_KINDS if kind != "huge"), *(("slow", "queued") * 6))
"""More of the ones that do the work when nobody expects it any more."""
NOISE = {"most_copies": 3, "longest_delay": 3.0, "lost": 0.1}
"""Of the webhooks: doubled, late, in any order, and some never sent."""


class Lies(Dice):
    """What is done late is done very late: a list that was read meanwhile did not have it."""

    def __init__(self, *given: Any, folder: Path, **more: Any) -> None:
        super().__init__(*given, **more)
        self.folder = folder

    def throw(self, call: Call) -> Fault:
        if (self.folder / "healing").exists():
            return NO_FAULT
        fault = super().throw(call)
        if fault.kind:
            append(self.folder / "faults", f"{fault.kind}\n")
        return replace(fault, seconds=VERY_SLOW) if fault.kind in ("slow", "queued") else fault


class Quiet(StandIn):
    """A client that is killed in the middle of a call is what this is about."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


class Away(Exception):
    """The provider was killed a moment ago."""


class Provider:
    """What a test does behind its back, by its control address."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, told: dict[str, Any] | None = None) -> dict[str, Any]:
        body = None if told is None else json.dumps(told).encode()
        request = urllib.request.Request(self.url + path, body)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as refused:
            return dict(json.load(refused))
        except (OSError, ValueError) as error:
            raise Away from error

    def tell(self, **told: Any) -> dict[str, Any]:
        return self.ask("/_control", told)

    def is_there(self) -> bool:
        try:
            return bool(self.tell(settles_after=1.0))
        except Away:
            return False


def main() -> None:
    env = os.environ
    folder, seed = Path(env["CHAOS_FOLDER"]), env["CHAOS_SEED"]
    life = append(folder / "lives", ".")
    books = str(folder / "books.sqlite3")
    server = Quiet("127.0.0.1", int(env["CHAOS_PROVIDER_PORT"]), file=books)
    server.books.settles_after = 1.0
    server.books.list_lag = ListLag(
        (LIST_LAG * scale_of_waits()).total_seconds(), seed, covers_payments=True
    )
    rate = float(env["CHAOS_FAULT_RATE"])
    kinds = tuple(filter(None, env["CHAOS_FAULTS"].split(","))) or KINDS
    server.faults.dice = Lies(f"{seed} {life}", rate, kinds=kinds, seconds=SLOW, folder=folder)
    if site := env.get("CHAOS_SITE"):
        server.webhooks.send_to(site, noise=Noise(f"{seed} {life}", **NOISE))
    else:
        server.webhooks.is_off = True
    server.serve_forever(0.05)


if __name__ == "__main__":
    main()
