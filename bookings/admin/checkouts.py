"""Purchases that are not bookings yet, and what providers told us: to be read."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bookings.admin.base import ReadOnlyAdmin, chip, moment, money
from bookings.admin.searching import LATEST, CodeSearch, NameSearch, among_latest
from bookings.models import Checkout, CheckoutState, Provider, ProviderEvent

TONES = {
    CheckoutState.OPEN: "info",
    CheckoutState.PAID: "ok",
    CheckoutState.REFUNDED: "money",
    CheckoutState.EXPIRED: "",
}


@admin.register(Checkout)
class CheckoutAdmin(CodeSearch[Checkout], NameSearch[Checkout], ReadOnlyAdmin[Checkout]):
    """Without its key: whoever has that can act for the buyer."""

    list_display = ("service", "expert", "buyer", "call_at", "price", "provider", "state_now",
                    "booking", "created", "next_poll", "last_error")  # fmt: skip
    list_filter = ("state", "provider")
    search_help_text = (
        "The provider's reference, the code of a booking, or the e-mail address of one of the "
        f"latest {LATEST:,} purchases."
    )
    sortable_by = ()
    fields = ("service", "expert", "buyer", "time_zone", "call_at", "price", "provider",
              "provider_ref", "state_now", "booking", "created", "held_until", "polls",
              "next_poll", "last_error")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkout]:
        return super().get_queryset(request).select_related("service", "expert", "booking")

    def named(self, term: str) -> Iterable[QuerySet[Checkout]]:
        known = Checkout.objects.exclude(provider_ref="")
        yield known.filter(provider__in=Provider.values, provider_ref=term)
        yield among_latest(Checkout.objects.all(), email__iexact=term)

    def buyer(self, row: Checkout) -> str:
        return f"{row.name}, {row.email}"

    def call_at(self, row: Checkout) -> str:
        return moment(row.starts_at)

    def price(self, row: Checkout) -> SafeString:
        return money(row.price_minor, row.currency)

    @admin.display(description="state")
    def state_now(self, row: Checkout) -> SafeString:
        return chip(row.get_state_display(), TONES[CheckoutState(row.state)])

    def created(self, row: Checkout) -> str:
        return moment(row.created_at)

    def held_until(self, row: Checkout) -> str:
        return moment(row.expires_at)

    @admin.display(description="asked next")
    def next_poll(self, row: Checkout) -> str:
        return moment(row.next_poll_at)


@admin.register(ProviderEvent)
class ProviderEventAdmin(NameSearch[ProviderEvent], ReadOnlyAdmin[ProviderEvent]):
    list_display = ("kind", "provider", "event_id", "received", "processed", "attempts",
                    "next_try", "last_error")  # fmt: skip
    list_filter = ("provider",)
    search_help_text = (
        "The provider's id of the event, or a kind such as refund.updated among the latest "
        f"{LATEST:,}."
    )
    sortable_by = ()
    fields = ("kind", "provider", "event_id", "received", "processed", "attempts", "next_try",
              "last_error", "body")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEvent]:
        rows = super().get_queryset(request)
        return rows.defer("body")  # read only where it is shown

    def named(self, term: str) -> Iterable[QuerySet[ProviderEvent]]:
        yield ProviderEvent.objects.filter(provider__in=Provider.values, event_id=term)
        yield among_latest(ProviderEvent.objects.all(), kind__iexact=term)

    def received(self, row: ProviderEvent) -> str:
        return moment(row.received_at)

    def processed(self, row: ProviderEvent) -> str:
        return moment(row.processed_at)

    def next_try(self, row: ProviderEvent) -> str:
        return moment(row.next_attempt_at)
