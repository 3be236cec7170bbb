"""What staff may do with a refund: the buttons and the verbs say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import refunds, timeline
from bookings.models import Payment, Refund, RefundState
from bookings.refunds.answers import ABSENT
from bookings.states import SYSTEM, Actor, ActorKind, State, TransitionNotAllowed
from tests.builders import DAY, NOW, make_in_state, make_staff, staff
from tests.staff_pages import act, fresh, url

pytestmark = pytest.mark.django_db
VERBS: dict[refunds.StaffVerb, Callable[..., Refund]] = {
    "retry": refunds.retry,
    "hold": refunds.hold,
    "release": refunds.release,
    "paid_by_hand": refunds.record_paid_by_hand,
    "fit": refunds.fit,
}
ENDED = {"retry", "paid_by_hand"}
ALLOWED: dict[str, set[str]] = {
    "due": {"hold"},
    "due, held": {"release"},
    "sending": set(),
    "sending, old": {"paid_by_hand"},
    "accepted": set(),
    "accepted, old": {"paid_by_hand"},
    "succeeded": set(),
    "succeeded, missing": ENDED,
    "unknown": {"retry"},
    "unknown, old": ENDED,
    "unknown, held": {"release"},
    "unknown, missing": ENDED,
    "declined": ENDED,
    "declined, its money gone": {"fit"},
    "reversed": ENDED,
    "reversed, its money gone": {"fit"},
    "manual_due": {"paid_by_hand"},
    "manual_due, held": {"release", "paid_by_hand"},
    "void": set(),
}


def a_refund(situation: str) -> Refund:
    """As of the real clock, by which the pages go."""
    now = timezone.now()
    state, _, more = situation.partition(", ")
    refund = Refund.objects.get(booking=make_in_state(State.REFUNDED, now=now))
    sent_at = now - 30 * DAY if more == "old" else now
    is_missing = more == "missing"
    Refund.objects.filter(pk=refund.pk).update(
        state=state,
        hold_reason="bank dispute open" if more == "held" else "",
        first_sent_at=sent_at,
        accepted_at=sent_at if state == RefundState.ACCEPTED else None,
        absent_at=now if is_missing else None,
        alerted_at=now if is_missing else None,
        next_attempt_at=None if more in ("held", "missing") else now,
        last_answer=ABSENT.message if is_missing else "",
    )
    if "money gone" in more:  # by another refund of ours
        gone = {"captured_minor": refund.amount_minor, "reserved_minor": refund.amount_minor}
        Payment.objects.filter(pk=refund.payment_id).update(**gone)
        other = Refund.objects.get(pk=refund.pk)
        event = timeline.append(
            refund.booking, "refund_reduced", actor=SYSTEM, at=now,
            data={"refund_minor": other.amount_minor, "currency": other.currency},
        )  # fmt: skip
        other.pk, other.uuid, other.event, other.state = None, uuid4(), event, RefundState.DUE
        other._state.adding = True
        other.save()
    return Refund.objects.get(pk=refund.pk)


def acts(refund: Refund, verb: refunds.StaffVerb, actor: Actor) -> bool:
    details: dict[str, Any] = {"reference": "UTR 7788"} if verb == "paid_by_hand" else {}
    with transaction.atomic():
        try:
            VERBS[verb](refund.pk, actor=actor, now=timezone.now(), reason="Looked.", **details)
        except TransitionNotAllowed:
            return False
        finally:
            transaction.set_rollback(True)
    return True


def test_every_state_is_in_the_table() -> None:
    assert {name.partition(", ")[0] for name in ALLOWED} == set(RefundState.values)


@pytest.mark.parametrize("situation", ALLOWED)
def test_a_button_is_there_exactly_when_its_verb_acts(client: Client, situation: str) -> None:
    user = make_staff()
    client.force_login(user)
    refund = a_refund(situation)
    html = client.get(url(refund)).content.decode()
    offered = set(re.findall(r"/refund/act/(\w+)/", html))
    actor = Actor(ActorKind.STAFF, user.pk)
    assert {verb for verb in VERBS if acts(refund, verb, actor)} == ALLOWED[situation]
    assert offered - {"continue"} == ALLOWED[situation]


def test_a_refund_on_hold_is_released_not_tried_again(client: Client) -> None:
    client.force_login(make_staff())
    refund = a_refund("unknown, held")
    said = act(client, [refund], "retry", "The bank is back.")
    assert "It is on hold; release it first." in said
    assert "Tried again" not in said
    assert fresh(refund).next_attempt_at is None


def test_one_that_is_missing_from_the_list_may_be_closed_instead_of_sent_anew(
    client: Client,
) -> None:
    client.force_login(make_staff())
    refund = a_refund("unknown, missing")
    page = client.get(f"{reverse('admin:bookings_refund_act', args=['retry'])}?ids={refund.pk}")
    said = " ".join(page.content.decode().split())
    assert "twice missing from the provider’s list gets a new one" in said
    act(client, [refund], "paid_by_hand", "Not in the dashboard.", reference="UTR 7788")
    assert (fresh(refund).state, fresh(refund).epoch) == (RefundState.SUCCEEDED, 1)


def test_a_refund_that_is_held_while_staff_presses_retry_stays_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bookings.refunds import staff as verbs

    refund, refusal = a_refund("unknown"), verbs.refusal

    def between(*asked: Any) -> TransitionNotAllowed | None:
        said = refusal(*asked)
        Refund.objects.update(hold_reason="bank dispute open", next_attempt_at=None)
        return said

    monkeypatch.setattr(verbs, "refusal", between)
    with pytest.raises(TransitionNotAllowed) as refused:
        refunds.retry(refund.pk, actor=staff(), now=NOW, reason="The bank is back.")
    assert refused.value.code == "changed"
    assert fresh(refund).next_attempt_at is None
