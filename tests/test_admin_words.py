"""What staff reads in the admin: both sides of a case, and words where data would stand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import User
from tests.builders import DAY, make_booking, make_staff
from tests.staff_pages import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff("staff@example.com")
    client.force_login(user)
    return user


def test_a_call_whose_time_has_passed_is_not_called_scheduled(client: Client, staff: User) -> None:
    now = timezone.now()
    ended, coming = make_booking(now=now), make_booking(now=now, starts_at=now + DAY)
    assert '<span class="state">Ended</span>' in client.get(url(ended)).content.decode()
    assert '<span class="state state--info">Scheduled</span>' in (
        client.get(url(coming)).content.decode()
    )
