"""Documents in memory and, when a file is named, in SQLite, so that they outlive the process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Doc = dict[str, Any]


class Store:
    """`with store.work():` is one step: nobody else sees half of it, and the file has all of it
    or nothing."""

    def __init__(self, path: str = "") -> None:
        self.lock = threading.RLock()
        self.docs: dict[str, dict[str, Doc]] = {}
        self.file = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None, timeout=20
        )
        # The process may be killed at any time; only a power cut would need more than this.
        self.file.execute("PRAGMA journal_mode=WAL")
        self.file.execute("PRAGMA synchronous=OFF")
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS doc (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"
        )
        for kind, key, body in self.file.execute("SELECT kind, id, body FROM doc ORDER BY rowid"):
            self.docs.setdefault(kind, {})[key] = json.loads(body)

    @contextmanager
    def work(self) -> Iterator[None]:
        with self.lock:
            if self.file.in_transaction:
                yield
                return
            self.file.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:  # a refusal may have been written down, too
                self.file.execute("COMMIT")

    def all(self, kind: str) -> dict[str, Doc]:
        return self.docs.setdefault(kind, {})

    def save(self, kind: str, key: str, doc: Doc) -> Doc:
        with self.lock:
            self.all(kind)[key] = doc
            self.file.execute(
                "INSERT INTO doc VALUES (?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, key, json.dumps(doc)),
            )
        return doc

    def forget(self) -> None:
        with self.work():
            self.docs.clear()
            self.file.execute("DELETE FROM doc")
