"""Requests made up from a seed: mostly plausible, with something in them that nobody means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django import forms
from django.conf import settings

from tests.addresses import ROUTES, _without_regex
from tests.fuzz import values
from tests.fuzz.world import World

FRONTIER = "frontier"
MOST_FORMS = 1000
ENDS_A_SESSION = ("sign_out", "logout", "password_change", "auth_user_password_change")
CSRF = "c" * 32
Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Attempt:
    method: str
    target: str
    """path and query, as sent"""
    headers: list[tuple[str, str]]
    """latin-1, as sent"""
    body: bytes = field(default=b"", repr=False)
    who: str = ""

    def __str__(self) -> str:
        told = [f"{self.method} {self.target[:300]} as {self.who or 'a visitor'}"]
        told += [f"    {name}: {value[:200]!r}" for name, value in self.headers]
        return "\n".join([*told, f"    {self.body[:400]!r} ({len(self.body)} bytes)"])


@dataclass
class Maker:
    random: Random
    world: World
    seen: dict[str, tuple[str, Fields]] = field(default_factory=dict)
    """forms of pages that were answered before: where they are sent, by whom, what is in them"""
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = sorted(_field_names())

    def attempt(self) -> Attempt:
        method = self.random.choice(values.METHODS)
        if self.seen and self.random.random() < 0.35:
            path = self.random.choice(list(self.seen))
            who, known = self.seen[path]
            fields = self._changed(known)
            method = "POST" if self.random.random() < 0.9 else method
        else:
            path, fields = self._path(), self._fields()
            who = self._usual(path)
        if self.random.random() < 0.2:
            who = self.random.choice(list(self.world.people))
        if self.random.random() < 0.4:
            path += ("&" if "?" in path else "?") + self._query()
        headers = self._headers(who)
        body = b""
        if method != "GET" or self.random.random() < 0.1:
            kind, body = self._body(fields)
            headers.append(("Content-Type", kind))
            headers.append(("Content-Length", str(len(body))))
        elif self.random.random() < 0.1:
            headers.append(("Content-Type", self._content_type()))
        return Attempt(method, path, headers, body, who)

    def learn(self, attempt: Attempt, html: str) -> None:
        """Remember the forms of a page, to send them with other values."""
        for action, fields in forms_of(html):
            address = action or attempt.target.partition("?")[0]
            is_leaving = "sign-out" in address or "logout" in address
            if address.startswith("/") and not is_leaving and len(self.seen) < MOST_FORMS:
                kept = [it for it in fields if it[0] != "csrfmiddlewaretoken"]  # it is in a header
                self.seen[address] = (attempt.who, kept)

    def _usual(self, path: str) -> str:
        """Who has business there; to the others it is one page that says no."""
        if path.startswith("/admin/"):
            return self.random.choice(("staff", "staff", "viewer"))
        is_public = re.match(
            r"/(with|checkout|pick|report|contest|status|link|help|sign-in|pass)", path
        )
        return self.random.choice(("", "expert 1") if is_public else ("expert 0", "expert 1"))

    def _path(self) -> str:
        route, name = self.random.choice(ROUTES)
        if name in ENDS_A_SESSION and self.random.random() < 0.95:
            route, name = self.random.choice(ROUTES)
        if self.random.random() < 0.03:
            return "/" + self.random.choice(
                ("static/app.css", "static/../x", "static/%00", "x", "//")
            )

        def fill(part: re.Match[str]) -> str:
            known = self._known(part[1], route, name)
            if known and self.random.random() < 0.8:
                return quote(self.random.choice(known), safe="")
            return self.random.choice(values.PATH_PARTS)

        path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", fill, _without_regex(route))
        return path if self.random.random() < 0.97 else path.rstrip("/")

    def _known(self, part: str, route: str, name: str) -> list[str]:
        if part == "token" and "uidb64" not in route:
            purposes = list(self.world.tokens)
            purpose = next((p for p in purposes if f"{p}/" in route), self.random.choice(purposes))
            return self.world.tokens[purpose]
        if part == "object_id":
            return self.world.objects.get(name.rpartition("_")[0], []) or ["1"]
        if part == "id":
            return self.world.objects.get("bookings_user", ["1"])
        if part == "pk":
            return self.world.objects["bookings_storedmessage"] + ["1", "2"]
        return self.world.parts.get(part, [])

    def _fields(self) -> Fields:
        count = self.random.choice((0, 1, 3, 8, 20))
        return [(self.random.choice(self.names), self._text()) for _ in range(count)]

    def _changed(self, fields: Fields) -> Fields:
        changed = list(fields)
        for _ in range(self.random.choice((0, 1, 1, 2, 5))):
            if not changed:
                break
            at = self.random.randrange(len(changed))
            name, _ = changed[at]
            changed[at] = (name, self._text())
            if self.random.random() < 0.2:
                changed.append((name, self._text()))
            if self.random.random() < 0.2:
                del changed[at]
        return changed

    def _text(self) -> str:
        return self.random.choice(values.TEXTS)

    def _query(self) -> str:
        count = self.random.choice((1, 1, 2, 5))
        names = [self.random.choice((*values.QUERIES, *self.names)) for _ in range(count)]
        query = urlencode([(name, self._text()[:500]) for name in names], errors="surrogatepass")
        broken = self.random.random()
        return (
            query
            if broken > 0.05
            else self.random.choice(("%", "a=%ff", "=&=&", "&" * 200, "a=b;c=d"))
        )

    def _content_type(self) -> str:
        if self.random.random() < 0.3:
            kind = self.random.choice(values.CONTENT_TYPES[:4])
            return f"{kind}; charset={self.random.choice(values.CHARSETS)}"
        return self.random.choice(values.CONTENT_TYPES)

    def _body(self, fields: Fields) -> tuple[str, bytes]:
        roll = self.random.random()
        if roll < 0.65:
            return "application/x-www-form-urlencoded", _urlencoded(fields)
        if roll < 0.85:
            return f"multipart/form-data; boundary={FRONTIER}", self._multipart(fields)
        kind = self._content_type()
        body = self._multipart(fields) if "multipart" in kind else _urlencoded(fields)
        if "json" in kind or self.random.random() < 0.2:
            body = self.random.choice(
                (b"{}", b"[" * 2000, b"{", b"\xff", b"null", b'{"id":"evt_1"}', b"")
            )
        return kind, body

    def _multipart(self, fields: Fields) -> bytes:
        """Sound nine times of ten; the others have odd parts and may end too early."""
        is_odd = self.random.random() < 0.3
        lines: list[bytes] = []
        for name, value in fields:
            form = self.random.choice(values.PARTS) if is_odd else values.PARTS[0]
            lines += [f"--{FRONTIER}".encode()]
            told = form.replace("{name}", name)
            lines += [b"Content-Disposition: " + told.encode("utf-8", "replace")]
            if is_odd and (encoding := self.random.choice(values.ENCODINGS)):
                lines += [f"Content-Transfer-Encoding: {encoding}".encode()]
            if is_odd and self.random.random() < 0.3:
                lines += [f"Content-Type: {self._content_type()}".encode("utf-8", "replace")]
            lines += [b"", value.encode("utf-8", "replace")]
        end = b"" if is_odd and self.random.random() < 0.2 else f"--{FRONTIER}--\r\n".encode()
        return b"\r\n".join([*lines, end])

    def _headers(self, who: str) -> list[tuple[str, str]]:
        found = [("Host", self._host())]
        cookies = [f"{settings.CSRF_COOKIE_NAME}={CSRF}"]
        if session := self.world.people[who]:
            cookies.append(f"{settings.SESSION_COOKIE_NAME}={session}")
        while self.random.random() < 0.15:
            cookies.insert(
                self.random.randrange(len(cookies) + 1), self.random.choice(values.COOKIES)
            )
        found.append(("Cookie", "; ".join(cookies)))
        if self.random.random() < 0.95:
            found.append(("X-CSRFToken", CSRF))
        if self.random.random() < 0.25:
            found.append(("HX-Request", "true"))
        # Most come from somewhere else each: the limits on one address are in the way here.
        found.append(
            ("X-Forwarded-For", f"10.{self.random.randrange(256)}.{self.random.randrange(256)}.1")
        )
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 4))):
            name = self.random.choice(list(values.HEADERS))
            found = [it for it in found if it[0] != name]
            found.append((name, self.random.choice(values.HEADERS[name])))
        return found

    def _host(self) -> str:
        usual = "127.0.0.1"
        odd = (
            "evil.example",
            "",
            "[",
            "[::1",
            "a b",
            "127.0.0.1:x",
            "127.0.0.1:99999",
            "\xff",
            "x" * 300,
        )
        return usual if self.random.random() < 0.97 else self.random.choice(odd)


def _urlencoded(fields: Fields) -> bytes:
    return urlencode(fields, errors="surrogatepass").encode()


def _field_names() -> set[str]:
    """Of all forms that there are, Django's included."""
    found = {"_save", "_continue", "action", "index", "select_across", "_selected_action", "happened",
             "same", "ids", "call", "from", "request_key", "next",
             "services-TOTAL_FORMS", "services-INITIAL_FORMS", "weekly_hours-TOTAL_FORMS",
             "weekly_hours-INITIAL_FORMS", "services-0-id", "from_0_0", "to_0_0", "slot_1"}  # fmt: skip
    kinds: list[Any] = [forms.BaseForm]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found |= set(getattr(kind, "base_fields", {}))
    return found


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Fields]] = []
        self.name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action") or given.get("hx-post", ""), []))
        if not self.found:
            return
        fields = self.found[-1][1]
        if tag in ("input", "button", "textarea") and given.get("name"):
            fields.append((given["name"], given.get("value", "")))
        if tag == "select":
            self.name = given.get("name", "")
        if tag == "option" and self.name:
            value = given.get("value", "")
            if all(name != self.name for name, _ in fields):
                fields.append((self.name, value))
            elif "selected" in given:
                fields[:] = [it for it in fields if it[0] != self.name] + [(self.name, value)]


def forms_of(html: str) -> list[tuple[str, Fields]]:
    """Where each form of a page is sent, and its fields as they stand."""
    parser = _Forms()
    parser.feed(html)
    return [(urlsplit(action).path, fields) for action, fields in parser.found]
