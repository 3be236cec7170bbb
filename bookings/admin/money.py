"""Payments and purchases to read; refunds, and what staff can do for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bookings import refunds
from bookings.admin.acting import ActingAdmin, StaffAction, refused_as, runs
from bookings.admin.base import (
    LATEST,
    NONE,
    CodeSearch,
    Column,
    NameSearch,
    Narrowed,
    ReadOnlyAdmin,
    age,
    among_latest,
    chip,
    moment,
    money,
)
from bookings.admin.rows import refund_chip
from bookings.forms.actions import PaidByHandForm
from bookings.models import Checkout, CheckoutState, Payment, Provider, ProviderEvent, Refund
from bookings.refunds import holds
from bookings.states import Actor


def _continue(row: Refund, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    count = refunds.continue_all(actor=actor, now=now, **details)
    return f"{count} refunds go on." if count != 1 else "1 refund goes on."


def _not_by_breaker(row: Refund, actor: Actor, now: datetime) -> str:
    if row.hold_reason == holds.BREAKER:
        return ""
    return "This refund is not held because there were unusually many."


def _refusal(verb: refunds.StaffVerb) -> Callable[[Refund, Actor, datetime], str]:
    return refused_as(lambda row, actor, now: refunds.refusal(row, verb, actor, now))


ACTIONS = (
    StaffAction(
        "retry",
        "Try again",
        "Asks the provider again. A refund without an answer keeps its key, so it is never paid "
        "twice; one that was declined, came back, was refused again and again, or was twice "
        "missing from the provider’s list gets a new one. Look for it in the provider’s dashboard "
        "first.",
        runs(refunds.retry, "It will be tried again within a minute."),
        refusal=_refusal("retry"),
    ),
    StaffAction(
        "hold",
        "Hold",
        "Keeps the refund from being sent until it is released.",
        runs(refunds.hold, "On hold."),
        refusal=_refusal("hold"),
    ),
    StaffAction(
        "release",
        "Release",
        "Lets the refund go on.",
        runs(refunds.release, "Released. It will be sent within a minute."),
        refusal=_refusal("release"),
    ),
    StaffAction(
        "continue",
        "Continue all",
        "Lets every refund go on that is held because there were unusually many.",
        _continue,
        refusal=_not_by_breaker,
    ),
    StaffAction(
        "paid_by_hand",
        "Record as paid by hand",
        "Closes the refund with the reference of your bank transfer. The follower is told. Look "
        "first that the provider has not paid it.",
        runs(refunds.record_paid_by_hand, "The refund is recorded as paid by hand."),
        PaidByHandForm,
        _refusal("paid_by_hand"),
    ),
    StaffAction(
        "fit",
        "Reduce to what is left",
        "For a refund that came to nothing while the money of its payment went back in another "
        "way. Closes it; if anything is left of the payment, a smaller refund takes its place.",
        runs(refunds.fit, "Closed; what is left of the payment is refunded in its place."),
        refusal=_refusal("fit"),
    ),
)


class NeedsStaff(Narrowed):
    title = "queue"
    parameter_name = "needs"
    ways = {
        "staff": (
            "Needs staff",
            lambda rows, now: rows.filter(pk__in=Refund.objects.needing_staff().values("pk")),
        )
    }


@admin.register(Refund)
class RefundAdmin(CodeSearch[Refund], NameSearch[Refund], ActingAdmin[Refund]):
    staff_actions = ACTIONS
    related = ("booking__expert", "payment")
    list_display = (
        "number", "booking", "amount", "state_now", "hold_reason", "age_now", "provider",
        "attempts", "next_step", "last_answer",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (NeedsStaff, "state", "payment__provider")
    search_help_text = (
        "The code of the booking, the provider’s id, or the bank’s reference of one of the latest "
        f"{LATEST:,} refunds."
    )
    fieldsets = (
        (None, {"fields": ("booking", "amount", "state_now", "hold_reason", "last_answer")}),
        ("Steps", {"fields": ("created", "accepted", "finished", "next_step", "attempts")}),
        (
            "Provider",
            {"fields": ("provider", "payment", "provider_refund_id", "reference", "key", "sent")},
        ),
    )

    def named(self, term: str) -> Iterable[QuerySet[Refund]]:
        yield Refund.objects.exclude(provider_refund_id="").filter(provider_refund_id=term)
        yield among_latest(Refund.objects.all(), reference__iexact=term)

    number = Column(int, "pk", description="no.")
    amount = Column(money, "amount_minor", "currency")

    @admin.display(description="state")
    def state_now(self, row: Refund) -> SafeString:
        return refund_chip(row)

    @admin.display(description="age")
    def age_now(self, row: Refund) -> str:
        """Of one that is not finished."""
        return NONE if row.finished_at else age(row.created_at)

    def provider(self, row: Refund) -> str:
        return row.payment.get_provider_display()

    next_step = Column(moment, "next_attempt_at")
    created = Column(moment, "created_at")
    accepted = Column(moment, "accepted_at")
    finished = Column(moment, "finished_at")
    key = Column(str, "idempotency_key", description="idempotency key")

    @admin.display(description="frozen request")
    def sent(self, row: Refund) -> SafeString:
        return format_html("<code>{}</code>", json.dumps(row.request, sort_keys=True))

    def row_name(self, row: Refund) -> str:
        return f"Refund {row.pk} of {row.booking}"


@admin.register(Payment)
class PaymentAdmin(CodeSearch[Payment], NameSearch[Payment], ReadOnlyAdmin[Payment]):
    related = ("booking",)
    list_display = ("provider_ref", "booking", "provider", "captured", "going_back", "external",
                    "is_disputed", "paid")  # fmt: skip
    list_filter = ("provider", "is_disputed")
    search_help_text = "The provider’s id, or the code of the booking."
    fields = ("booking", "provider", "provider_ref", "method", "captured", "going_back", "external",
              "is_disputed", "paid")  # fmt: skip

    def named(self, term: str) -> Iterable[QuerySet[Payment]]:
        yield Payment.objects.filter(provider__in=Provider.values, provider_ref=term)

    captured = Column(money, "captured_minor", "currency")
    going_back = Column(money, "reserved_minor", "currency", description="our refunds")
    external = Column(
        money, "returned_external_minor", "currency", description="returned without us"
    )
    paid = Column(moment, "paid_at")


# --- purchases that are not bookings yet, and what providers told us ------------------------------

TONES = {
    CheckoutState.OPEN: "info",
    CheckoutState.PAID: "ok",
    CheckoutState.REFUNDED: "money",
    CheckoutState.EXPIRED: "",
}


@admin.register(Checkout)
class CheckoutAdmin(CodeSearch[Checkout], NameSearch[Checkout], ReadOnlyAdmin[Checkout]):
    """Without its key: whoever has that can act for the buyer."""

    related = ("service", "expert", "booking")
    list_display = ("service", "expert", "buyer", "call_at", "price", "provider", "state_now",
                    "booking", "created", "next_poll", "last_error")  # fmt: skip
    list_filter = ("state", "provider")
    search_help_text = (
        "The provider's reference, the code of a booking, or the e-mail address of one of the "
        f"latest {LATEST:,} purchases."
    )
    fields = ("service", "expert", "buyer", "time_zone", "call_at", "price", "provider",
              "provider_ref", "state_now", "booking", "created", "held_until", "polls",
              "next_poll", "last_error")  # fmt: skip

    def named(self, term: str) -> Iterable[QuerySet[Checkout]]:
        known = Checkout.objects.exclude(provider_ref="")
        yield known.filter(provider__in=Provider.values, provider_ref=term)
        yield among_latest(Checkout.objects.all(), email__iexact=term)

    def buyer(self, row: Checkout) -> str:
        return f"{row.name}, {row.email}"

    call_at = Column(moment, "starts_at")
    price = Column(money, "price_minor", "currency")

    @admin.display(description="state")
    def state_now(self, row: Checkout) -> SafeString:
        return chip(row.get_state_display(), TONES[CheckoutState(row.state)])

    created = Column(moment, "created_at")
    held_until = Column(moment, "expires_at")
    next_poll = Column(moment, "next_poll_at", description="asked next")


@admin.register(ProviderEvent)
class ProviderEventAdmin(NameSearch[ProviderEvent], ReadOnlyAdmin[ProviderEvent]):
    list_display = ("kind", "provider", "event_id", "received", "processed", "attempts",
                    "next_try", "last_error")  # fmt: skip
    list_filter = ("provider",)
    search_help_text = (
        "The provider's id of the event, or a kind such as refund.updated among the latest "
        f"{LATEST:,}."
    )
    fields = ("kind", "provider", "event_id", "received", "processed", "attempts", "next_try",
              "last_error", "body")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEvent]:
        rows = super().get_queryset(request)
        return rows.defer("body")  # read only where it is shown

    def named(self, term: str) -> Iterable[QuerySet[ProviderEvent]]:
        yield ProviderEvent.objects.filter(provider__in=Provider.values, event_id=term)
        yield among_latest(ProviderEvent.objects.all(), kind__iexact=term)

    received = Column(moment, "received_at")
    processed = Column(moment, "processed_at")
    next_try = Column(moment, "next_attempt_at")
