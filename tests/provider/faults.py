"""Misbehaviour on demand: scripted for the next calls, or drawn from a seed."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.provider.calls import Call, Refusal, Reply

REFUNDING = r"^POST /v1/(refunds|payments/[^/]+/refund)$"
NOT_DONE = ("lost", "reset", "busy", "limit", "gateway", "refuse", "queued", "error", "slow")
KEPT = ("refuse_kept",)
DONE = ("drop", "late", "error_done", "gateway_done", "empty", "huge", "garbled", "raw")
OUTCOMES = ("pending", "declined", "fails", "late_failure")
KINDS = (*NOT_DONE, *KEPT, *DONE, *OUTCOMES)
"""lost: connection closed before anything is done; drop: after it is done. slow: done after
`seconds`, with the key taken meanwhile; queued: the same, but nobody knows the key yet; late:
done at once, answered after `seconds`. error: a 500 that the key keeps, error_done: although the
work was done. refuse: a 4xx that leaves no trace, refuse_kept: one that the key keeps. gateway:
HTML 502 of a machine in between. The outcomes are those of the refund."""
RANDOM_KINDS = tuple(
    kind for kind in (*NOT_DONE, *DONE, "pending") if kind not in ("refuse", "raw")
)
READING_KINDS = ("lost", "reset", "limit", "gateway", "empty", "garbled", "late")
HUGE = 8 * 1024 * 1024


class Cut(Exception):
    """Close the connection without an answer; `is_reset` sends an RST."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__("cut")
        self.is_reset = is_reset


@dataclass(frozen=True)
class Fault:
    kind: str = ""
    seconds: float = 5.0
    status: int = 400
    code: str = "charge_disputed"
    """of a `refuse` or `refuse_kept`"""
    text: str = "{}"
    """of a `raw`: the answer's body, after the work was done"""

    def instead(self, error: Callable[[int, str], Any]) -> Reply | None:
        """An answer or a cut without any work; None to go on. `error` words it as the provider."""
        match self.kind:
            case "lost" | "reset":
                raise Cut(is_reset=self.kind == "reset")
            case "busy":
                return Reply(409, error(409, "idempotency_key_in_use"))
            case "limit":
                wait = {"Retry-After": str(max(1, int(self.seconds)))}
                return Reply(429, error(429, "rate_limit"), wait)
            case "gateway":
                return _bad_gateway()
            case "refuse":
                return Reply(self.status, error(self.status, self.code))
            case "queued":
                time.sleep(self.seconds)
        return None

    def before(self) -> None:
        if self.kind == "slow":
            time.sleep(self.seconds)

    def around(self, work: Callable[[], Reply], error: Callable[[int, str], Any]) -> Reply:
        """The work, or a 500 of the provider's own, with or without it."""
        if self.kind == "error":
            return Reply(500, error(500, "api_error"))
        if self.kind == "refuse_kept":
            raise Refusal(Reply(self.status, error(self.status, self.code)), is_stored=True)
        reply = work()
        return Reply(500, error(500, "api_error")) if self.kind == "error_done" else reply

    def outcome(self, now: float) -> dict[str, Any]:
        """How the refund made by this call ends, in the words of the books."""
        match self.kind:
            case "pending":
                return {"settles_at": now + self.seconds}
            case "fails":
                return {"settles_at": now + self.seconds, "ends": "failed"}
            case "late_failure":
                return {"falls_back_at": now + self.seconds}
            case "declined":
                return {"settles_at": now, "ends": "failed"}
        return {}

    def after(self, reply: Reply) -> Reply | bytes:
        """What the client gets to see of a good answer; bytes are sent as they are."""
        match self.kind:
            case "drop":
                raise Cut(is_reset=False)
            case "late":
                time.sleep(self.seconds)
            case "gateway_done":
                return _bad_gateway()
            case "empty":
                return b""
            case "huge":
                return b" " * HUGE
            case "raw":
                return self.text.encode()
            case "garbled":
                return reply.encoded()[0][:40]
        return reply


NO_FAULT = Fault()


@dataclass(frozen=True)
class ListLag:
    """How far lists are behind the books: a new refund can be read by its id at once, but lists
    show it only after so many seconds. With a seed each refund has a lag of its own, up to them."""

    seconds: float = 0.0
    seed: str = ""
    covers_payments: bool = False
    """What a payment says went back is then behind as well."""

    def of(self, refund_id: str) -> float:
        if not self.seed:
            return self.seconds
        # Not a secret; the point is that it can be played again.
        return random.Random(f"{self.seed} {refund_id}").uniform(0, self.seconds)


@dataclass
class Script:
    fault: Fault
    calls: int
    match: re.Pattern[str]


@dataclass
class Dice:
    """The same seed gives the same faults to the nth call of each key, in whatever order
    threads and processes happen to call."""

    seed: str
    rate: float
    kinds: tuple[str, ...] = RANDOM_KINDS
    seconds: float = 5.0
    seen: dict[str, int] = field(default_factory=dict)

    def throw(self, call: Call) -> Fault:
        name = call.headers.get("idempotency-key") or call.headers.get("x-refund-idempotency")
        name = name or f"{call.method} {call.path}"
        self.seen[name] = self.seen.get(name, 0) + 1
        # Not a secret; the point is that it can be played again.
        dice = random.Random(f"{self.seed} {name} {self.seen[name]}")
        is_refund = re.match(REFUNDING, f"{call.method} {call.path}")
        kinds = [kind for kind in self.kinds if is_refund or kind in READING_KINDS]
        if not kinds or dice.random() >= self.rate:
            return NO_FAULT
        return Fault(dice.choice(kinds), seconds=self.seconds)


class Faults:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.scripts: list[Script] = []
        self.dice: Dice | None = None
        self.counts: dict[str, int] = {}

    def script(self, kind: str, *, calls: int = 1, match: str = REFUNDING, **more: Any) -> None:
        """The next `calls` calls whose "METHOD /path" fits `match` get this fault."""
        if kind not in KINDS:
            raise ValueError(f"There is no fault {kind!r}; known: {', '.join(KINDS)}.")
        with self.lock:
            self.scripts.append(Script(Fault(kind, **more), calls, re.compile(match)))

    def next(self, call: Call) -> Fault:
        with self.lock:
            fault = self._scripted(call) or (self.dice.throw(call) if self.dice else NO_FAULT)
            if fault.kind:
                self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
            return fault

    def _scripted(self, call: Call) -> Fault | None:
        for script in self.scripts:
            if script.calls > 0 and script.match.search(f"{call.method} {call.path}"):
                script.calls -= 1
                return script.fault
        return None

    def clear(self) -> None:
        with self.lock:
            self.scripts.clear()
            self.dice = None
            self.counts = {}


def _bad_gateway() -> Reply:
    return Reply(502, "<html><body><h1>502 Bad Gateway</h1></body></html>")
