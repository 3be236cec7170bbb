"""Steps that the tests of a follower's pages share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import lifecycle, links
from bookings.models import Booking
from bookings.states import State
from tests.builders import NOW, make_booking, make_follower, make_in_state, offer, report


def address(booking: Booking, purpose: str, name: str = "") -> str:
    """The path of the newest link of a purpose, made if there is none."""
    link = links.ensure(booking, purpose, now=timezone.now())
    return reverse(name or purpose, kwargs={"token": links.token(link)})


def read(response: HttpResponse) -> str:
    """What a person sees: the text without tags, spaces made one."""
    body = re.sub(r"(?s)<(script|style)\b.*?</\1>|<!--.*?-->", " ", response.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours, and the sessions."""
    wanted: list[type[Model]] = [
        *apps.get_app_config("bookings").get_models(),
        *apps.get_app_config("sessions").get_models(),
    ]
    return {
        model._meta.db_table: list(model._default_manager.order_by("pk").values_list())
        for model in wanted
    }


PAGES = [
    ("pick", "pick"), ("pick", "refund_instead"), ("report", "report"),
    ("report", "withdraw_report"), ("report", "move_instead"), ("contest", "contest"),
    ("status", "status"), ("status", "status_calendar"),
]  # fmt: skip


def in_state(state: State) -> Booking:
    return make_in_state(state, now=timezone.now())


MOMENT = datetime(2025, 11, 22, 9, 58, tzinfo=UTC)


def lena() -> Any:
    return make_follower("Lena Vogt", time_zone="Europe/Berlin", clock="24")


def offered(note: str = "Sorry I missed you, Lena.", **details: Any) -> Booking:
    """A call of an hour with Maya in Kolkata, reported by Lena in Berlin and offered again."""
    booking = make_booking(
        follower=lena(), now=MOMENT, starts_at=MOMENT - timedelta(hours=2, minutes=28)
    )
    return offer(report(booking, now=MOMENT), now=MOMENT, note=note, **details)


def value(start: datetime) -> str:
    return f"{start:%Y-%m-%dT%H:%MZ}"


def values_on(page: Any) -> list[str]:
    return re.findall(r'name="slot" value="([^"]+)"', page.content.decode())


LATER = NOW + timedelta(hours=73)


def status(client: Client, booking: Booking, **headers: str) -> str:
    return read(client.get(address(booking, "status"), headers=headers))


def unanswered(**details: Any) -> Booking:
    """Reported, and nobody answered for 72 hours."""
    booking = report(make_booking(follower=make_follower(clock="12"), **details))
    return lifecycle.run_deadline(booking.pk, state="no_show_reported", now=LATER)


def ended(**details: Any) -> Booking:
    """A call of an hour that ended an hour ago, at 10:30 in Kolkata."""
    follower = make_follower(clock="12")
    return make_booking(follower=follower, **details)


def state_of(booking: Booking) -> str:
    booking.refresh_from_db()
    return booking.state
