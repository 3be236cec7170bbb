"""Calls that end in a refund, each through the verbs that people and the clock use."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Sum
from django.utils import timezone

from bookings import intake, lifecycle, refunds
from bookings.models import Booking, Expert, Follower, Payment, Refund, Service, User
from bookings.policy import Policy
from bookings.refunds import timing
from bookings.states import Actor, ActorKind, TransitionNotAllowed
from tests.chaos.comparing import IN_HAND
from tests.chaos.provider import Away, Provider

T = TypeVar("T")
PRICE = 9000
QUICK = {
    "no_show_window": timedelta(seconds=6),
    "grace": timedelta(0),
    "undo_window": timedelta(seconds=1),
    "report_window": timedelta(days=3650),
}


class Customers:
    """`promised`: for each booking the version that a verb has answered with. Whatever dies, the
    database must never forget it. `due`: for each payment whose booking waits for an answer, when
    its money goes back by itself, and never before."""

    def __init__(self, provider: Provider, dice: random.Random) -> None:
        self.provider, self.dice = provider, dice
        self.calls = 0
        self.promised: dict[str, int] = {}
        self.due: dict[str, datetime] = {}
        self.asked = 0
        self.turned_away: Counter[str] = Counter()
        self.limits = replace(Policy.in_force(), **QUICK)
        user = User.objects.create_user(email="staff@example.org", password=None, is_staff=True)
        self.staff = Actor(ActorKind.STAFF, user.pk)
        seller = User.objects.create_user(email="maya@example.org", password=None)
        self.expert = Expert.objects.create(
            user=seller, name="Maya", time_zone="UTC", buffer_minutes=0
        )
        self.service = Service.objects.create(
            expert=self.expert, title="Call", duration_minutes=30, price_minor=PRICE, currency="INR"
        )
        self.follower = Follower.objects.create(
            name="Priya", email="priya@example.org", time_zone="UTC"
        )
        self.to_undo: list[tuple[int, datetime]] = []

    def act(self, at_once: int) -> None:
        """Whatever they want to do now; they go away when the site or the provider is down."""
        self._try(self._undo)
        if (in_hand := self._try(self._in_hand)) is not None and in_hand < at_once:
            self._try(self._come)

    def tries(self) -> int | None:
        """How often the provider was asked so far; None while the database is away."""
        return self._try(lambda: int(Refund.objects.aggregate(sum=Sum("attempts"))["sum"] or 0))

    def _try(self, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except (OperationalError, InterfaceError):
            self.turned_away["database"] += 1
            connection.close()
        except Away:
            self.turned_away["provider"] += 1
        return None

    def _in_hand(self) -> int:
        return Refund.objects.filter(state__in=IN_HAND).count()

    def _answered(self, booking: Booking) -> None:
        self.promised[booking.external_ref] = booking.version

    def _come(self) -> None:
        """One more call that did not happen."""
        now = timezone.now()
        booking = self._book(now)
        self._answered(booking)
        match self.dice.choice(["part", "part", "clock", "undone", "outside"]):
            case "part":  # a third: the provider would take it three times
                self._refund(booking, now, amount_minor=PRICE // 3)
            case "clock":
                reported = lifecycle.report_no_show(
                    booking.pk, actor=Actor(ActorKind.FOLLOWER), now=now,
                    reason="expert_absent", text="Nobody came.",
                )  # fmt: skip
                self._answered(reported)
                assert reported.deadline_at is not None
                self.due[reported.payment.provider_ref] = reported.deadline_at
            case "undone":
                actor = Actor(ActorKind.EXPERT, self.expert.user_id)
                self._answered(lifecycle.refund_now(booking.pk, actor=actor, now=now))
                later = now + timedelta(seconds=self.dice.choice([0.2, 0.9, 1.0]))
                self.to_undo.append((booking.pk, later))
            case "outside":  # somebody refunds a part in the provider's dashboard as well
                self._refund(booking, now, amount_minor=PRICE // 3)
                self._outside(Payment.objects.get(booking=booking), self.dice.choice([2000, 8000]))

    def decide(self) -> None:
        """Staff looks at what nobody asks about any more: it is tried again, and so looked for
        first. Not before the provider's list shows what was made."""
        now = timezone.now()
        for refund in Refund.objects.filter(state__in=IN_HAND, next_attempt_at=None):
            if refund.absent_at and now - refund.absent_at < timing.SECOND_LOOK:
                continue
            act = refunds.release if refund.hold_reason else refunds.retry
            act(refund.pk, actor=self.staff, now=now, reason="Looked in the dashboard.")
            self.asked += 1

    def _refund(self, booking: Booking, now: datetime, **details: Any) -> None:
        self._answered(
            lifecycle.refund_now(booking.pk, actor=self.staff, now=now, reason="Sorry", **details)
        )

    def _outside(self, payment: Payment, amount: int) -> None:
        """It may be refused: too little is left."""
        told = {"payment": payment.provider_ref, "amount": amount}
        self.provider.tell(external_refund=told)

    def _undo(self) -> None:
        """Clicks on Undo at the last moment: either it is undone, or it is refunded."""
        now = timezone.now()
        actor = Actor(ActorKind.EXPERT, self.expert.user_id)
        for booking_id, at in [item for item in self.to_undo if item[1] <= now]:
            self.to_undo.remove((booking_id, at))
            try:
                self._answered(lifecycle.undo(booking_id, actor=actor, now=now))
            except TransitionNotAllowed:
                continue

    def _book(self, now: datetime) -> Booking:
        n = self.calls
        self.calls += 1
        provider = ("stripe", "razorpay")[n % 2]
        payment = {"provider": provider, "amount": PRICE, "currency": "INR"}
        ref = self.provider.tell(payments=[payment])["payments"][0]
        starts_at = now - timedelta(hours=n + 2)
        return intake.create(
            intake.draft(
                expert=self.expert,
                follower=self.follower,
                service=self.service,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=30),
                now=starts_at - timedelta(days=1),
                price_minor=PRICE,
                currency="INR",
                external_ref=uuid.uuid4().hex,
                payment=intake.PaymentFacts(provider=provider, provider_ref=ref, paid_at=now),
                limits=self.limits,
            )
        )
