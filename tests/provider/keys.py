"""Idempotency keys as the providers keep them.

The answer of the first call that was executed is stored, a 500 too, and repeated. A call that
was refused before it was executed leaves no trace; one while the first still runs is a conflict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from tests.provider.books import Books
from tests.provider.calls import Call, Refusal, Reply

KEPT_SECONDS = 24 * 3600.0
Conflict = Callable[[Literal["other", "running"]], Reply]


class IdempotencyKeys:
    def __init__(self, books: Books) -> None:
        self.books, self.store = books, books.store
        self.running: set[str] = set()

    def answer(
        self,
        key: str,
        call: Call,
        work: Callable[[], Reply],
        *,
        conflict: Conflict,
        before: Callable[[], None],
    ) -> Reply:
        """`before` is where a fault may dawdle, with the key taken and nothing done yet. The
        work and the keeping of its answer are one step, also for kill -9."""
        words = fingerprint(call)
        with self.store.work():
            kept = self.store.all("key").get(key)
            if kept and kept["at"] + KEPT_SECONDS > self.books.now():
                if kept["fingerprint"] != words:
                    raise Refusal(conflict("other"))
                return Reply(kept["status"], kept["body"], {"Idempotent-Replayed": "true"})
            if key in self.running:
                raise Refusal(conflict("running"))
            if key:
                self.running.add(key)
        try:
            before()
            with self.store.work():
                return self._work(key, words, work)
        finally:
            self.running.discard(key)

    def _work(self, key: str, words: str, work: Callable[[], Reply]) -> Reply:
        try:
            reply = work()
        except Refusal as refusal:
            if key and refusal.is_stored:
                self.keep(key, words, refusal.reply)
            raise
        if key:
            self.keep(key, words, reply)
        return reply

    def keep(self, key: str, words: str, reply: Reply) -> None:
        self.store.save(
            "key",
            key,
            {
                "at": self.books.now(),
                "fingerprint": words,
                "status": reply.status,
                "body": reply.body,
            },
        )


def fingerprint(call: Call) -> str:
    return hashlib.sha256(f"{call.method} {call.path}\n".encode() + call.body).hexdigest()
