"""Calls that end in a refund, each through the verbs that people and the clock use."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from bookings import intake, lifecycle
from bookings.models import Expert, Follower, Payment, Refund, Service, User
from bookings.policy import Policy
from bookings.refunds.driving import _DRIVEN
from bookings.standin.server import StandIn
from bookings.states import Actor, ActorKind, TransitionNotAllowed

PRICE = 9000
QUICK = {
    "no_show_window": timedelta(seconds=1),
    "grace": timedelta(0),
    "undo_window": timedelta(seconds=1),
    "report_window": timedelta(days=3650),
}


class Customers:
    def __init__(self, server: StandIn, dice: random.Random) -> None:
        self.server, self.dice = server, dice
        self.calls = 0
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

    def in_hand(self) -> int:
        return Refund.objects.filter(state__in=_DRIVEN).count()

    def tries(self) -> int:
        """All that was tried so far."""
        return int(Refund.objects.aggregate(sum=Sum("attempts"))["sum"] or 0)

    def come(self) -> None:
        """One more call that did not happen."""
        now = timezone.now()
        booking = self._book(now)
        match self.dice.choice(["part", "part", "clock", "undone", "outside"]):
            case "part":  # a third: the provider would take it three times
                self._refund(booking, now, amount_minor=PRICE // 3)
            case "clock":
                lifecycle.report_no_show(
                    booking.pk, actor=Actor(ActorKind.FOLLOWER), now=now,
                    reason="expert_absent", text="Nobody came.",
                )  # fmt: skip
            case "undone":
                actor = Actor(ActorKind.EXPERT, self.expert.user_id)
                lifecycle.refund_now(booking.pk, actor=actor, now=now)
                later = now + timedelta(seconds=self.dice.choice([0.2, 0.9, 1.0]))
                self.to_undo.append((booking.pk, later))
            case "outside":  # somebody refunds a part in the provider's dashboard as well
                self._refund(booking, now, amount_minor=PRICE // 3)
                self._outside(Payment.objects.get(booking=booking), self.dice.choice([2000, 8000]))

    def _refund(self, booking: Any, now: datetime, **details: Any) -> None:
        lifecycle.refund_now(booking.pk, actor=self.staff, now=now, reason="Sorry", **details)

    def _outside(self, payment: Payment, amount: int) -> None:
        from bookings.standin.books import NotRefundable

        with self.server.books.store.work():
            doc = self.server.books.payment(payment.provider, payment.provider_ref)
            assert doc is not None
            try:
                self.server.books.refund(doc, amount, is_external=True)
            except NotRefundable:
                return

    def undo(self) -> None:
        """Clicks on Undo at the last moment: either it is undone, or it is refunded."""
        now = timezone.now()
        actor = Actor(ActorKind.EXPERT, self.expert.user_id)
        for booking_id, at in [item for item in self.to_undo if item[1] <= now]:
            self.to_undo.remove((booking_id, at))
            try:
                lifecycle.undo(booking_id, actor=actor, now=now)
            except TransitionNotAllowed:
                continue

    def _book(self, now: datetime) -> Any:
        n = self.calls
        self.calls += 1
        provider = ("stripe", "razorpay")[n % 2]
        with self.server.books.store.work():
            ref = self.server.books.pay(provider, PRICE, "INR")["id"]
        starts_at = now - timedelta(hours=n + 2)
        return intake.create_booking(
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
