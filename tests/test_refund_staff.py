"""What staff may do with a refund: the buttons and the verbs say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from bookings import refunds
from bookings.models import Refund, RefundState
from bookings.refunds.outcomes import ABSENT
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed
from tests.builders import NOW, make_in_state, make_staff, staff
from tests.staff_pages import act, fresh, url

pytestmark = pytest.mark.django_db
VERBS: dict[refunds.StaffVerb, Callable[..., Refund]] = {
    "retry": refunds.retry,
    "hold": refunds.hold,
    "release": refunds.release,
    "paid_by_hand": refunds.record_paid_by_hand,
}
ENDED = {"retry", "paid_by_hand"}
ALLOWED: dict[str, set[str]] = {
    "due": {"hold"},
    "due, held": {"release"},
    "sending": set(),
    "accepted": set(),
    "succeeded": set(),
    "unknown": {"retry"},
    "unknown, held": {"release"},
    "unknown, missing": {"retry", "paid_by_hand"},
    "declined": ENDED,
    "reversed": ENDED,
    "manual_due": {"paid_by_hand"},
    "manual_due, held": {"release", "paid_by_hand"},
    "void": set(),
}


def a_refund(situation: str) -> Refund:
    state, _, more = situation.partition(", ")
    refund = Refund.objects.get(booking=make_in_state(State.REFUNDED))
    is_missing = more == "missing"
    Refund.objects.filter(pk=refund.pk).update(
        state=state,
        hold_reason="bank dispute open" if more == "held" else "",
        absent_at=NOW if is_missing else None,
        next_attempt_at=None if more else NOW,
        last_answer=ABSENT.message if is_missing else "",
    )
    return Refund.objects.get(pk=refund.pk)


def acts(refund: Refund, verb: refunds.StaffVerb, actor: Actor) -> bool:
    details: dict[str, Any] = {"reference": "UTR 7788"} if verb == "paid_by_hand" else {}
    with transaction.atomic():
        try:
            VERBS[verb](refund.pk, actor=actor, now=NOW, reason="Looked.", **details)
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
