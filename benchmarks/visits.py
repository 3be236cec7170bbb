"""The pages that are measured, made from what is in the database.

`python -m benchmarks.visits` writes those of DATABASE_URL down, for a process that has another.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from benchmarks.cast import email_of
from benchmarks.clock import NOW
from benchmarks.transport import Page, Request

HTMX = {"HX-Request": "true"}
FLOOR = "minimal"
ACTION = "action (HTMX answer)"


def session_of(number: int, backend: str = "bookings.signed_in.Backend") -> str:
    """Signs the expert in; the key of the session."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from bookings import database_time, sign_ins
    from bookings.models import User

    user = User.objects.get(email=email_of(number))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = backend
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    key = str(session.session_key)
    sign_ins.begin(session, user, key=key, device="", address="", now=database_time.now())
    session.save()
    return key


def pages() -> list[Page]:
    """What an expert with very many calls and a follower of theirs look at; the floor first."""
    from django.conf import settings

    from bookings import lists
    from bookings.models import Booking, Expert

    expert = Expert.objects.get(user__email=email_of(1))
    session, djangos = session_of(1), session_of(1, settings.DJANGOS_BACKEND)
    of_expert = Booking.objects.of_expert(expert)

    def page(name: str, path: str, marker: str, **query: str) -> Page:
        address = f"{path}?{urlencode(query)}" if query else path
        return Page(name, lambda: Request(address, session=session), marker)

    past = of_expert.past(NOW)
    oldest = list(past.reverse().values_list("ends_at", "id")[: lists.PAGE + 1])
    old_code = past.reverse().values_list("code", flat=True)[0]
    last = of_expert.needing_action().reverse()
    waiting = list(last.values_list("deadline_at", "id")[: lists.PAGE + 1])
    reported = of_expert.needing_action().values_list("code", flat=True)[0]
    row = "id=call-"
    completed = "/completed-calls/"
    return [
        Page(FLOOR, lambda: Request("/benchmarks/minimal/", session=djangos), "Expert 1"),
        page("need action", "/need-action/", row),
        page("need action, deepest", "/need-action/", row, after=_after(waiting)),
        page("completed calls", completed, row),
        page("completed calls, deepest", completed, row, after=_after(oldest)),
        page("completed, search a name", completed, row, q="Okafor"),
        page("completed, search an old code", completed, old_code, q=old_code),
        page("completed, only refunded", completed, row, outcome="refunded"),
        page("completed, only contested", completed, row, outcome="contested"),
        page("booking page", f"/bookings/{reported}/", reported),
        Page("follower's slot page", _slot_page(expert.pk), "Pick"),
        Page("public page", lambda: Request(f"/with/{expert.slug}/"), "Book a call with"),
        Page("front page", lambda: Request("/"), "chase anyone"),
        Page(
            "badge poll",
            lambda: Request("/need-action/count/", headers=HTMX, session=session),
            "need-count",
            least_bytes=50,
        ),
    ]


def _after(rows: list[tuple[Any, int]]) -> str:
    """The place in a list after which come all of `rows` but the last."""
    from bookings.lists.sql import written

    return written(*rows[-1])


def _slot_page(expert_id: int) -> Callable[[], Request]:
    from bookings import links
    from bookings.models import PrivateLink

    link = PrivateLink.objects.filter(
        booking__expert_id=expert_id,
        booking__state="reschedule_offered",
        booking__starts_at__lt=NOW,
        purpose=links.Purpose.PICK,
    ).first()
    assert link is not None
    address = links.url(link).partition("://")[2].partition("/")[2]
    return lambda: Request(f"/{address}")


def action(number: int) -> Page:
    """An expert marks reported calls as completed, each time another one, out of the list."""
    from bookings.models import Booking, Expert

    expert = Expert.objects.get(user__email=email_of(number))
    session = session_of(number)
    codes = iter(
        list(Booking.objects.of_expert(expert).needing_action().values_list("code", flat=True))
    )
    held_at = "2026-11-20T10:00"

    def next_request() -> Request:
        code = next(codes, None)
        if code is None:
            raise SystemExit("No reported call is left: take fewer rounds or more bookings.")
        form = {
            "from": "need_action",
            "request_key": secrets.token_urlsafe(24),
            "outcome": "held_elsewhere",
            "channel": "video",
            "held_at": held_at,
            "minutes": "45",
            "note": "We met on Zoom.",
        }
        address = f"/bookings/{code}/mark-completed/"
        return Request(address, form, {**HTMX, "HX-Target": f"call-{code}"}, session)

    return Page(ACTION, next_request, "Undo")


def written_down() -> str:
    """The pages as JSON, and the query with which a sweep looks for what is due."""
    from django.db import connection

    from benchmarks.sweep import look

    due = ""
    if connection.vendor == "postgresql":
        due = connection.ops.compose_sql(*look())  # type: ignore[attr-defined]
    return json.dumps({"pages": [page.written_down() for page in pages()], "look": due})


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(written_down())
