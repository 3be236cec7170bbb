"""Every verb from every state by every actor, against the table of the rules, written out again
here so that a slip in `states.TABLE` shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from bookings import lifecycle, slots
from bookings.lifecycle.engine import deadline_verb
from bookings.models import Booking, CompletionMark
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed, Verb
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    contest,
    expert_of,
    make_booking,
    make_in_state,
    offer,
    report,
    staff,
)

pytestmark = pytest.mark.django_db

S, V = State, Verb
EXPECTED: dict[Verb, tuple[set[State], set[str]]] = {
    V.REPORT_NO_SHOW: ({S.SCHEDULED, S.RESCHEDULE_OFFERED}, {"follower"}),
    V.WITHDRAW_REPORT: ({S.NO_SHOW_REPORTED}, {"follower"}),
    V.OFFER_RESCHEDULE: ({S.SCHEDULED, S.COMPLETED, S.NO_SHOW_REPORTED}, {"expert"}),
    V.WITHDRAW_OFFER: ({S.RESCHEDULE_OFFERED}, {"expert"}),
    V.PICK_TIME: ({S.RESCHEDULE_OFFERED}, {"follower"}),
    V.REFUND_INSTEAD: ({S.RESCHEDULE_OFFERED}, {"follower"}),
    V.OFFER_LAPSED: ({S.RESCHEDULE_OFFERED}, {"system"}),
    V.MARK_COMPLETED: ({S.SCHEDULED, S.NO_SHOW_REPORTED, S.RESCHEDULE_OFFERED}, {"expert"}),
    V.CONTEST: ({S.COMPLETED}, {"follower"}),
    V.DECIDE: ({S.CONTESTED}, {"staff"}),
    V.NOBODY_DECIDED: ({S.CONTESTED}, {"system"}),
    V.REFUND_NOW: (
        {S.SCHEDULED, S.NO_SHOW_REPORTED, S.RESCHEDULE_OFFERED, S.COMPLETED, S.CONTESTED},
        {"expert", "staff"},
    ),
    V.NO_ANSWER: ({S.NO_SHOW_REPORTED}, {"system"}),
    V.CANCEL: ({S.SCHEDULED}, {"expert", "staff"}),
    V.MOVE_INSTEAD: ({S.NO_SHOW_REPORTED}, {"follower"}),
}
CALLS: dict[Verb, Callable[..., Booking]] = {
    V.REPORT_NO_SHOW: lifecycle.report_no_show,
    V.WITHDRAW_REPORT: lifecycle.withdraw_report,
    V.OFFER_RESCHEDULE: lifecycle.offer_reschedule,
    V.WITHDRAW_OFFER: lifecycle.withdraw_offer,
    V.PICK_TIME: lifecycle.pick_time,
    V.REFUND_INSTEAD: lifecycle.refund_instead,
    V.OFFER_LAPSED: deadline_verb(V.OFFER_LAPSED),
    V.MARK_COMPLETED: lifecycle.mark_completed,
    V.CONTEST: lifecycle.contest,
    V.DECIDE: lifecycle.decide,
    V.NOBODY_DECIDED: deadline_verb(V.NOBODY_DECIDED),
    V.REFUND_NOW: lifecycle.refund_now,
    V.NO_ANSWER: deadline_verb(V.NO_ANSWER),
    V.CANCEL: lifecycle.cancel,
    V.MOVE_INSTEAD: lifecycle.move_instead,
}
AFTER_DEADLINE = {V.OFFER_LAPSED, V.NOBODY_DECIDED, V.NO_ANSWER}


def _booking_for(verb: Verb, state: State) -> Booking:
    """In `state`, with everything else the verb asks for given, so that only the table speaks."""
    if verb == V.CANCEL and state == S.SCHEDULED:
        return make_booking(starts_at=NOW + DAY)
    if verb == V.REFUND_INSTEAD and state == S.RESCHEDULE_OFFERED:
        return offer(report(make_booking()))
    if verb == V.MOVE_INSTEAD and state == S.NO_SHOW_REPORTED:
        booking = report(make_booking())
        Booking.objects.filter(pk=booking.pk).update(offers_after_report=1)
        return booking
    return make_in_state(state)


def _details(verb: Verb, booking: Booking) -> dict[str, Any]:
    picked = slots.free_for(booking, now=NOW)[0]
    return {
        V.REPORT_NO_SHOW: {"reason": "expert_absent"},
        V.PICK_TIME: {"starts_at": picked},
        V.MOVE_INSTEAD: {"starts_at": picked},
        V.MARK_COMPLETED: {
            "outcome": CompletionMark.Outcome.HELD_ELSEWHERE,
            "channel": "phone",
            "held_at": NOW - HOUR,
        },
        V.CONTEST: {"reason": "No"},
        V.DECIDE: {"decision": "refunded", "reason": "Seen both sides."},
        V.REFUND_NOW: {"reason": "Sorry"},
        V.CANCEL: {"reason": "Ill"},
    }.get(verb, {})


def _actor(kind: ActorKind, booking: Booking) -> Actor:
    return {
        ActorKind.EXPERT: lambda: expert_of(booking),
        ActorKind.FOLLOWER: lambda: FOLLOWER,
        ActorKind.STAFF: staff,
        ActorKind.SYSTEM: lambda: Actor(ActorKind.SYSTEM),
    }[kind]()


def _now(verb: Verb, booking: Booking) -> datetime:
    if verb in AFTER_DEADLINE and booking.deadline_at is not None:
        return booking.deadline_at + booking.limits.grace
    return NOW


@pytest.mark.parametrize(
    ("verb", "state", "kind"), list(product(EXPECTED, State, ActorKind)), ids=str
)
def test_a_verb_is_allowed_exactly_where_the_table_says(
    verb: Verb, state: State, kind: ActorKind
) -> None:
    sources, who = EXPECTED[verb]
    booking = _booking_for(verb, state)
    events_before = booking.events.count()

    def act() -> Booking:
        return CALLS[verb](
            booking.pk,
            actor=_actor(kind, booking),
            now=_now(verb, booking),
            **_details(verb, booking),
        )

    if state in sources and kind.value in who:
        act()
        assert booking.events.count() == events_before + 1
    else:
        with pytest.raises(TransitionNotAllowed):
            act()
        assert booking.events.count() == events_before
        assert Booking.objects.get(pk=booking.pk).state == state


def test_every_verb_is_in_the_walk() -> None:
    assert set(EXPECTED) | {Verb.UNDO} == set(Verb)


def test_an_expert_cannot_touch_another_experts_booking() -> None:
    mine, theirs = make_booking(), make_booking()
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.refund_now(theirs.pk, actor=expert_of(mine), now=NOW)
    assert refused.value.code == "not_yours"


def test_contested_cases_need_a_fresh_mark() -> None:
    booking = make_in_state(State.CONTESTED)
    decided = lifecycle.decide(
        booking.pk, actor=staff(), now=NOW, decision="completed", reason="It was held."
    )
    assert decided.state == State.COMPLETED
    with pytest.raises(TransitionNotAllowed) as refused:
        contest(decided)
    assert refused.value.code == "contested_before"
