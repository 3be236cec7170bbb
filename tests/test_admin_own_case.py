"""Staff who are experts, too, have no other door to their own cases; and whose links work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import emails, links
from bookings.emails import outbox
from bookings.models import Booking, OutboxEmail, OutboxState
from bookings.states import Actor, ActorKind, TransitionNotAllowed
from tests.builders import (
    make_booking,
    make_expert,
    make_staff,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.staff_pages import expert_form, fresh, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(client: Client) -> Booking:
    """A reported call of an expert who is staff, and is signed in."""
    expert = make_expert()
    expert.user.is_staff = expert.user.is_superuser = True
    expert.user.save(update_fields=["is_staff", "is_superuser"])
    client.force_login(expert.user)
    return report(make_booking(expert, now=timezone.now()), now=timezone.now())


def test_the_address_of_ones_own_follower_is_not_ones_own_to_change(
    client: Client, own: Booking
) -> None:
    follower = own.follower
    form = {"name": follower.name, "email": "mine@example.com", "time_zone": "UTC", "clock": "24"}
    assert client.post(url(follower), form).status_code == 403
    assert fresh(follower).email == follower.email
    other = make_booking(now=timezone.now()).follower
    assert client.post(url(other), form).status_code == 302
    assert fresh(other).email == "mine@example.com"


@pytest.mark.parametrize("act", [outbox.park, outbox.retry])
def test_an_e_mail_about_ones_own_case_is_not_held_back_nor_hurried(
    own: Booking, act: object
) -> None:
    now = timezone.now()
    mark_held_on_zoom(own, now=now)
    row = OutboxEmail.objects.get(kind="marked_completed")
    me = Actor(ActorKind.STAFF, own.expert.user_id)
    with pytest.raises(TransitionNotAllowed) as refused:
        act(row.pk, actor=me, now=now, reason="Because.")  # type: ignore[operator]
    assert refused.value.code == "own_case"
    assert fresh(row).state == OutboxState.QUEUED
    act(row.pk, actor=Actor(ActorKind.STAFF, make_staff().pk), now=now, reason="Because.")  # type: ignore[operator]


def test_links_that_went_to_an_old_address_stop_and_the_new_one_gets_others(
    client: Client,
) -> None:
    now = timezone.now()
    booking = offer(report(make_booking(now=now), now=now), now=now)
    before = {purpose: links.current(booking, purpose) for purpose in ("pick", "report", "status")}
    assert all(before.values())
    client.force_login(make_staff())
    follower = booking.follower
    form = {"name": follower.name, "email": "new@example.com", "time_zone": "UTC", "clock": "24"}
    assert client.post(url(follower), form).status_code == 302

    visitor = Client()
    for purpose, old in before.items():
        new = links.current(booking, purpose)
        assert old is not None
        assert new is not None
        assert visitor.get(links.url(old)).status_code == 410
        assert visitor.get(links.url(new)).status_code == 200
    later = now + timedelta(minutes=2)
    assert emails.deliver_all([OutboxEmail.objects.get(kind="offer").pk], now=later)


def test_a_new_name_keeps_the_links(client: Client) -> None:
    now = timezone.now()
    booking = report(make_booking(now=now), now=now)
    link = links.current(booking, "report")
    client.force_login(make_staff())
    follower = booking.follower
    form = {"name": "Priya N.", "email": follower.email, "time_zone": "UTC", "clock": "24"}
    assert client.post(url(follower), form).status_code == 302
    assert links.current(booking, "report") == link


@pytest.mark.parametrize(
    ("name", "value"),
    [("window_days", "99999"), ("step_minutes", "0"), ("buffer_minutes", "99999")],
)
def test_staff_keeps_to_the_limits_of_the_experts_own_form(
    client: Client, name: str, value: str
) -> None:
    client.force_login(make_staff())
    maya = make_expert()
    refused = client.post(url(maya), {**expert_form(maya), name: value})
    assert refused.status_code == 200
    assert refused.context["adminform"].form.errors[name]
    assert getattr(fresh(maya), name) == getattr(maya, name)


def test_a_currency_that_is_none_is_refused(client: Client) -> None:
    client.force_login(make_staff())
    maya = make_expert()
    row = {"services-TOTAL_FORMS": "1", "services-0-title": "Chat", "services-0-currency": "ZZZ"}
    row |= {"services-0-duration_minutes": "30", "services-0-price": "0"}
    row |= {"services-0-place_kind": "room"}
    page = client.post(url(maya), expert_form(maya, **row))
    assert "Write a currency by its three letters" in page.content.decode()
    row["services-0-currency"] = "eur"
    assert client.post(url(maya), expert_form(maya, **row)).status_code == 302
    assert maya.services.get().currency == "EUR"
