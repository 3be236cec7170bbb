"""Staff who also sell calls: nothing they may do as staff ends their own case to their gain."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Refund, RefundState, User
from bookings.states import State
from tests.builders import make_expert, make_in_state
from tests.staff_pages import act, fresh

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", [State.CONTESTED, State.NO_SHOW_REPORTED, State.COMPLETED])
def test_a_part_does_not_close_ones_own_case(client: Client, state: State) -> None:
    maya = make_expert()
    User.objects.filter(pk=maya.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=maya.user_id))
    booking = make_in_state(state, now=timezone.now(), expert=maya)
    said = act(client, [booking], "refund", amount="0.01")
    assert "You cannot decide your own case." in said
    assert fresh(booking).state == state
    assert not Refund.objects.exists()


def test_everything_may_go_back_in_ones_own_case(client: Client) -> None:
    maya = make_expert()
    User.objects.filter(pk=maya.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=maya.user_id))
    booking = make_in_state(State.CONTESTED, now=timezone.now(), expert=maya)
    act(client, [booking], "refund")
    assert fresh(booking).state == State.REFUNDED
    assert Refund.objects.get().amount_minor == booking.price_minor


def test_ones_own_refund_is_neither_held_nor_called_paid(client: Client) -> None:
    maya = make_expert()
    User.objects.filter(pk=maya.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=maya.user_id))
    make_in_state(State.REFUNDED, now=timezone.now(), expert=maya)
    refund = Refund.objects.get()
    assert "You cannot decide your own case." in act(client, [refund], "hold")
    Refund.objects.update(state=RefundState.MANUAL_DUE, next_attempt_at=None)
    said = act(client, [refund], "paid_by_hand", reference="invented")
    assert "You cannot decide your own case." in said
    assert fresh(refund).state == RefundState.MANUAL_DUE
    assert not fresh(refund).hold_reason
