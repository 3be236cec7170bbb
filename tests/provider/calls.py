"""What comes in over HTTP and what goes out, before and after the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """names in lower case"""
    body: bytes
    base_url: str = ""

    def form(self) -> dict[str, Any]:
        """`a=1&b[c]=2` as {"a": "1", "b": {"c": "2"}}."""
        found: dict[str, Any] = {}
        for name, value in parse_qsl(self.body.decode("utf-8"), keep_blank_values=True):
            *outer, last = name.replace("]", "").split("[")
            inner = found
            for part in outer:
                inner = inner.setdefault(part, {})
            inner[last] = value
        return found

    def json(self) -> dict[str, Any]:
        found = json.loads(self.body or b"{}")
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found


@dataclass
class Reply:
    status: int
    body: Any
    """an object for JSON, or text for HTML"""
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json"


class Refusal(Exception):
    """A 4xx. `is_stored`: the call got as far as being executed, so its key keeps this answer."""

    def __init__(self, reply: Reply, *, is_stored: bool = False) -> None:
        super().__init__(str(reply.body))
        self.reply, self.is_stored = reply, is_stored
