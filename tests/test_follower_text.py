"""What people write stays text on a follower's pages, in every state that shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from bookings import lifecycle
from bookings.models import Booking
from tests.builders import (
    FOLLOWER,
    expert_of,
    make_booking,
    staff,
)
from tests.follower_pages import PAGES, address

pytestmark = pytest.mark.django_db


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7|add:7 }}{% debug %}",
    "' hx-get='/evil' hx-trigger='load",
    "<a href=javascript:alert(1)>x</a>",
    "\u202egnp.exe\x85",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_people_stays_text_on_every_page(text: str, client: Client) -> None:
    """In every state that shows words of somebody: offer, report, mark, contest, decision."""
    now = timezone.now()
    booking = make_booking(now=now)
    booking.expert.name = booking.follower.name = text[:80]
    booking.expert.save()
    booking.follower.save()
    Booking.objects.filter(pk=booking.pk).update(service_title=text, place=text)
    expert = expert_of(booking)
    for act, actor, details in (
        (lifecycle.offer_reschedule, expert, {"note": text}),
        (lifecycle.report_no_show, FOLLOWER, {"reason": "other", "text": text}),
        (lifecycle.mark_completed, expert, {"outcome": "held_elsewhere", "channel": "phone",
                                            "held_at": booking.starts_at, "note": text}),
        (lifecycle.contest, FOLLOWER, {"reason": text}),
        (lifecycle.decide, staff(), {"decision": "completed", "reason": text}),
        (lifecycle.refund_now, expert, {}),
    ):  # fmt: skip
        act(booking.pk, actor=actor, now=now, **details)
        for purpose, name in PAGES:
            page = client.get(address(booking, purpose, name)).content.decode()
            for raw in ("<script>alert", "<img src=x", "hx-get='/evil'", "<a href=java", "1414"):
                assert raw not in page


@pytest.mark.parametrize(
    ("place", "is_link"),
    [
        ("https://meet.example.com/maya", True), ("javascript:alert(1)", False),
        ("https://a.example/ and call me", False), ("//evil.example", False),
        ('https://a.example/"onclick="alert(1)', True),
    ],
)  # fmt: skip
def test_only_a_web_address_becomes_a_link(place: str, is_link: bool, client: Client) -> None:
    booking = make_booking(now=timezone.now(), starts_at=timezone.now() + timedelta(days=1))
    Booking.objects.filter(pk=booking.pk).update(place=place)
    page = client.get(address(booking, "status")).content.decode()
    assert (f'href="{escape(place)}" rel="noreferrer noopener"' in page) is is_link
    assert '"onclick=' not in page
