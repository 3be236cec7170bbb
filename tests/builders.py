"""A fixed cast and bookings in every state, reached through the real verbs.

Maya sells calls and lives in Kolkata; Priya lives there too, Lena in Berlin. NOW is a Monday
morning in UTC. A booking is an hour long and was paid 2,400 rupees unless said otherwise.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bookings import intake, lifecycle
from bookings.models import (
    Booking,
    CompletionMark,
    Expert,
    Follower,
    NoShowReport,
    PlaceKind,
    Service,
    User,
    WeeklyHours,
)
from bookings.policy import Policy
from bookings.states import Actor, ActorKind, State

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PASSWORD = "a long pass phrase"
FOLLOWER = Actor(ActorKind.FOLLOWER)

_number = itertools.count(1)


def make_user(email: str = "", **fields: Any) -> User:
    return User.objects.create_user(email or f"user{next(_number)}@example.com", PASSWORD, **fields)


def make_staff(email: str = "") -> User:
    return make_user(email, is_staff=True, is_superuser=True)


def make_expert(name: str = "Maya Fernandes", *, email: str = "", **fields: Any) -> Expert:
    """Free every day from 9:00 to 18:00 local time, in steps of 30 minutes."""
    number = next(_number)
    fields = {"time_zone": "Asia/Kolkata", "slug": f"expert-{number}", **fields}
    expert = Expert.objects.create(user=make_user(email), name=name, **fields)
    WeeklyHours.objects.bulk_create(
        WeeklyHours(expert=expert, weekday=day, starts_local=time(9), ends_local=time(18))
        for day in range(7)
    )
    return expert


def make_follower(name: str = "Priya Nair", *, email: str = "", **fields: Any) -> Follower:
    return Follower.objects.create(
        name=name,
        email=email or f"follower{next(_number)}@example.com",
        **{"time_zone": "Asia/Kolkata", **fields},
    )


def make_service(expert: Expert, **fields: Any) -> Service:
    return Service.objects.create(
        expert=expert,
        **{
            "title": f"Portfolio review {next(_number)}",
            "duration_minutes": 60,
            "price_minor": 240000,
            "currency": "INR",
            "place_kind": PlaceKind.ADDRESS if fields.get("place") else PlaceKind.WRITE,
            **fields,
        },
    )


def make_booking(
    expert: Expert | None = None,
    follower: Follower | None = None,
    *,
    now: datetime = NOW,
    starts_at: datetime | None = None,
    minutes: int = 60,
    price_minor: int = 240000,
    currency: str = "INR",
    provider: str = "sandbox",
    payment_ref: str = "",
    limits: Policy | None = None,
    service: Service | None = None,
) -> Booking:
    """Booked three days before `now`; by default the call ended an hour before `now`."""
    expert = expert or make_expert()
    starts_at = starts_at or now - 2 * HOUR
    return intake.create(
        intake.draft(
            expert=expert,
            follower=follower or make_follower(),
            service=service or make_service(expert, duration_minutes=minutes),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            now=min(now, starts_at) - 3 * DAY,
            price_minor=price_minor,
            currency=currency,
            payment=intake.PaymentFacts(
                provider=provider,
                provider_ref=payment_ref or f"pay_{next(_number)}",
                paid_at=min(now, starts_at) - 3 * DAY,
                method="Visa ending 4242",
            ),
            limits=limits,
        )
    )


def expert_of(booking: Booking, request_key: str = "") -> Actor:
    return Actor(ActorKind.EXPERT, booking.expert.user_id, request_key)


def staff(request_key: str = "") -> Actor:
    return Actor(ActorKind.STAFF, make_staff().pk, request_key)


# --- states, each through the verbs that lead there -----------------------------------------


def report(booking: Booking, *, now: datetime = NOW) -> Booking:
    return lifecycle.report_no_show(
        booking.pk,
        actor=FOLLOWER,
        now=now,
        reason=NoShowReport.Reason.EXPERT_ABSENT,
        text="I waited for 25 minutes.",
    )


def offer(booking: Booking, *, now: datetime = NOW, **details: Any) -> Booking:
    """`now` is moved past the undo, so that what was held may leave."""
    return lifecycle.offer_reschedule(booking.pk, actor=expert_of(booking), now=now, **details)


def mark_held_on_zoom(booking: Booking, *, now: datetime = NOW) -> Booking:
    return lifecycle.mark_completed(
        booking.pk,
        actor=expert_of(booking),
        now=now,
        outcome=CompletionMark.Outcome.HELD_ELSEWHERE,
        channel=CompletionMark.Channel.VIDEO,
        held_at=booking.starts_at,
        minutes=45,
    )


def contest(booking: Booking, *, now: datetime = NOW) -> Booking:
    return lifecycle.contest(booking.pk, actor=FOLLOWER, now=now, reason="We never spoke.")


def make_in_state(state: State, *, now: datetime = NOW, **details: Any) -> Booking:
    """A past call in this state; only a cancelled one lies in the future."""
    if state == State.CANCELLED:
        booking = make_booking(now=now, starts_at=now + DAY, **details)
        return lifecycle.cancel(booking.pk, actor=expert_of(booking), now=now, reason="I am ill.")
    booking = make_booking(now=now, **details)
    match state:
        case State.NO_SHOW_REPORTED:
            return report(booking, now=now)
        case State.RESCHEDULE_OFFERED:
            return offer(booking, now=now)
        case State.COMPLETED:
            return mark_held_on_zoom(booking, now=now)
        case State.CONTESTED:
            return contest(mark_held_on_zoom(booking, now=now), now=now)
        case State.REFUNDED:
            return lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=now)
    return booking
