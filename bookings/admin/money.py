"""Payments to read; refunds with a life of their own, and what staff can do for one."""

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
from bookings.admin.acting import ActingAdmin, StaffAction
from bookings.admin.base import NONE, ReadOnlyAdmin, age, moment, money
from bookings.admin.rows import refund_chip
from bookings.admin.searching import LATEST, CodeSearch, NameSearch, among_latest
from bookings.forms.staff import PaidByHandForm
from bookings.models import Payment, Provider, Refund
from bookings.refunds import holds
from bookings.states import Actor


def _run(verb: Callable[..., Refund], done: str) -> Callable[..., str]:
    def run(row: Refund, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
        verb(row.pk, actor=actor, now=now, **details)
        return done

    return run


def _continue(row: Refund, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    count = refunds.continue_all(actor=actor, now=now, **details)
    return f"{count} refunds go on." if count != 1 else "1 refund goes on."


def _not_by_breaker(row: Refund, actor: Actor, now: datetime) -> str:
    if row.hold_reason == holds.BREAKER:
        return ""
    return "This refund is not held because there were unusually many."


def _refusal(verb: refunds.StaffVerb) -> Callable[[Refund, Actor, datetime], str]:
    def say(row: Refund, actor: Actor, now: datetime) -> str:
        refused = refunds.refusal(row, verb, actor, now)
        return refused.sentence if refused else ""

    return say


ACTIONS = (
    StaffAction(
        "retry",
        "Try again",
        "Asks the provider again. A refund without an answer keeps its key, so it is never paid "
        "twice; one that was declined, came back, was refused again and again, or was twice "
        "missing from the provider’s list gets a new one. Look for it in the provider’s dashboard "
        "first.",
        _run(refunds.retry, "Tried again within a minute."),
        refusal=_refusal("retry"),
    ),
    StaffAction(
        "hold",
        "Hold",
        "Keeps the refund from being sent until it is released.",
        _run(refunds.hold, "On hold."),
        refusal=_refusal("hold"),
    ),
    StaffAction(
        "release",
        "Release",
        "Lets the refund go on.",
        _run(refunds.release, "Released, sent within a minute."),
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
        _run(refunds.record_paid_by_hand, "Recorded as paid by hand."),
        PaidByHandForm,
        _refusal("paid_by_hand"),
    ),
    StaffAction(
        "fit",
        "Reduce to what is left",
        "For a refund that came to nothing while the money of its payment went back in another "
        "way. Closes it; if anything is left of the payment, a smaller refund takes its place.",
        _run(refunds.fit, "Closed; what is left of the payment is refunded in its place."),
        refusal=_refusal("fit"),
    ),
)


class NeedsStaff(admin.SimpleListFilter):
    title = "queue"
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("staff", "Needs staff")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        if self.value() != "staff":
            return queryset
        return queryset.filter(pk__in=Refund.objects.needing_staff().values("pk"))


@admin.register(Refund)
class RefundAdmin(CodeSearch[Refund], NameSearch[Refund], ActingAdmin[Refund]):
    staff_actions = ACTIONS
    list_display = (
        "number", "booking", "amount", "state_now", "hold_reason", "age_now", "provider",
        "attempts", "next_step", "last_answer",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (NeedsStaff, "state", "payment__provider")
    list_select_related = ("booking", "payment")
    search_help_text = (
        "The code of the booking, the provider’s id, or the bank’s reference of one of the latest "
        f"{LATEST:,} refunds."
    )
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("booking", "amount", "state_now", "hold_reason", "last_answer")}),
        ("Steps", {"fields": ("created", "accepted", "finished", "next_step", "attempts")}),
        (
            "Provider",
            {"fields": ("provider", "payment", "provider_refund_id", "reference", "key", "sent")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("booking__expert", "payment")

    def named(self, term: str) -> Iterable[QuerySet[Refund]]:
        yield Refund.objects.exclude(provider_refund_id="").filter(provider_refund_id=term)
        yield among_latest(Refund.objects.all(), reference__iexact=term)

    @admin.display(description="no.")
    def number(self, row: Refund) -> int:
        return row.pk

    def amount(self, row: Refund) -> SafeString:
        return money(row.amount_minor, row.currency)

    @admin.display(description="state")
    def state_now(self, row: Refund) -> SafeString:
        return refund_chip(row)

    @admin.display(description="age")
    def age_now(self, row: Refund) -> str:
        """Of one that is not finished."""
        return NONE if row.finished_at else age(row.created_at)

    def provider(self, row: Refund) -> str:
        return row.payment.get_provider_display()

    def next_step(self, row: Refund) -> str:
        return moment(row.next_attempt_at)

    def created(self, row: Refund) -> str:
        return moment(row.created_at)

    def accepted(self, row: Refund) -> str:
        return moment(row.accepted_at)

    def finished(self, row: Refund) -> str:
        return moment(row.finished_at)

    @admin.display(description="idempotency key")
    def key(self, row: Refund) -> str:
        return row.idempotency_key

    @admin.display(description="frozen request")
    def sent(self, row: Refund) -> SafeString:
        return format_html("<code>{}</code>", json.dumps(row.request, sort_keys=True))

    def row_name(self, row: Refund) -> str:
        return f"Refund {row.pk} of {row.booking}"


@admin.register(Payment)
class PaymentAdmin(CodeSearch[Payment], NameSearch[Payment], ReadOnlyAdmin[Payment]):
    list_display = ("provider_ref", "booking", "provider", "captured", "going_back", "external",
                    "is_disputed", "paid")  # fmt: skip
    list_filter = ("provider", "is_disputed")
    list_select_related = ("booking",)
    search_help_text = "The provider’s id, or the code of the booking."
    sortable_by = ()
    fields = ("booking", "provider", "provider_ref", "method", "captured", "going_back", "external",
              "is_disputed", "paid")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related("booking")

    def named(self, term: str) -> Iterable[QuerySet[Payment]]:
        yield Payment.objects.filter(provider__in=Provider.values, provider_ref=term)

    def captured(self, row: Payment) -> SafeString:
        return money(row.captured_minor, row.currency)

    @admin.display(description="our refunds")
    def going_back(self, row: Payment) -> SafeString:
        return money(row.reserved_minor, row.currency)

    @admin.display(description="returned without us")
    def external(self, row: Payment) -> SafeString:
        return money(row.returned_external_minor, row.currency)

    def paid(self, row: Payment) -> str:
        return moment(row.paid_at)
