"""Bookings: to find, to read, and to act on through the verbs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bookings import clocks, database_time, formats, lifecycle, rules, unreadable
from bookings.admin.acting import ActingAdmin, StaffAction, refused_as
from bookings.admin.base import NONE, Column, Narrowed, chip, moment, money, remaining
from bookings.admin.rows import BOOKING_ROWS, state_words, story
from bookings.forms.actions import AmountForm, DecideForm
from bookings.models import Booking, Expert, Follower, as_code
from bookings.states import Actor, State, Verb
from bookings.wording.limits import policy_rows

TONES = {
    State.SCHEDULED: "info",
    State.NO_SHOW_REPORTED: "bad",
    State.RESCHEDULE_OFFERED: "info",
    State.COMPLETED: "ok",
    State.CONTESTED: "warn",
    State.REFUNDED: "money",
    State.CANCELLED: "",
}
PEOPLE_FOUND = 200
"""A name that more people have than this is too common to search by."""


def state_chip(booking: Booking) -> SafeString:
    if booking.state == State.SCHEDULED and clocks.has_ended(booking, database_time.now()):
        return chip("Ended")  # as on the expert's pages, no state of its own
    return chip(state_words(booking.state), TONES[State(booking.state)])


def _refusal(verb: Verb) -> Callable[[Booking, Actor, datetime], str]:
    return refused_as(lambda row, actor, now: rules.refusal(row, verb, actor, now=now))


def _refund(row: Booking, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    amount = details.get("amount")
    lifecycle.refund_now(
        row.pk,
        actor=actor,
        now=now,
        reason=details["reason"],
        amount_minor=amount,
        in_addition=details.get("in_addition", False),
    )
    return f"{formats.money(amount, row.currency)} goes back." if amount else "Refunded."


def gone_elsewhere(row: Booking) -> int:
    payment = getattr(row, "payment", None)
    return payment.returned_external_minor if payment else 0


def _cancel(row: Booking, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    lifecycle.cancel(row.pk, actor=actor, now=now, reason=details["reason"])
    return "Cancelled. Everything that was paid goes back."


def decide(row: Booking, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    booking = lifecycle.decide(
        row.pk,
        actor=actor,
        now=now,
        decision=details["decision"],
        reason=details["reason"],
        amount_minor=details.get("amount"),
        in_addition=details.get("in_addition", False),
    )
    return f"Decided: {state_words(booking.state).lower()}. Both sides get your reason by e-mail."


DECIDE = StaffAction(
    "decide",
    "Decide",
    "Ends the contested case. Your reason is mailed to the expert and to the follower.",
    decide,
    DecideForm,
    _refusal(Verb.DECIDE),
)
ACTIONS = (
    DECIDE,
    StaffAction(
        "refund",
        "Refund now",
        "Ends the booking and sends money back to the follower. It cannot be undone.",
        _refund,
        AmountForm,
        _refusal(Verb.REFUND_NOW),
    ),
    StaffAction(
        "cancel",
        "Cancel the call",
        "Cancels a call that has not started and sends back everything that was paid.",
        _cancel,
        refusal=_refusal(Verb.CANCEL),
    ),
)


# --- finding them ---------------------------------------------------------------------------------


def _in(state: State) -> Callable[[QuerySet[Booking], datetime], QuerySet[Booking]]:
    return lambda rows, now: rows.filter(state=state)


class StateNow(Narrowed):
    title = "state"
    parameter_name = "state"
    ways = {state.value: (state_words(state), _in(state)) for state in State}


def _between(first: int, last: int) -> Callable[[QuerySet[Booking], datetime], QuerySet[Booking]]:
    """Calls that start within so many days from now."""
    return lambda rows, now: rows.filter(
        starts_at__gte=now + timedelta(days=first), starts_at__lt=now + timedelta(days=last)
    )


class CallDate(Narrowed):
    title = "date of the call"
    parameter_name = "call"
    ways = {
        "today": ("Within 24 hours, before or after now", _between(-1, 1)),
        "week": ("In the next 7 days", _between(0, 7)),
        "past_week": ("In the past 7 days", _between(-7, 0)),
        "past_month": ("In the past 30 days", _between(-30, 0)),
    }


class Late(Narrowed):
    title = "deadline"
    parameter_name = "late"
    ways = {
        "soon": (
            "Within 24 hours",
            lambda rows, now: rows.filter(
                deadline_at__gt=now, deadline_at__lte=now + timedelta(days=1)
            ),
        ),
        "yes": (
            "Over",
            lambda rows, now: rows.filter(deadline_at__isnull=False, deadline_at__lte=now),
        ),
    }


def _people(term: str) -> tuple[QuerySet[Follower], QuerySet[Expert]]:
    if "@" in term:
        return Follower.objects.with_address(term), Expert.objects.with_address(term)
    named = Q(name__icontains=term)
    return Follower.objects.filter(named), Expert.objects.filter(named)


def _booked_as(name: str) -> QuerySet[Booking]:
    """Those with a name of their own: few, and in an index."""
    return Booking.objects.exclude(buyer_name="").filter(buyer_name__icontains=name)


def _imported_as(reference: str) -> QuerySet[Booking]:
    """Asked for each expert: a reference alone is not what its index begins with."""
    of_experts = Booking.objects.filter(expert__in=Expert.objects.all(), external_ref=reference)
    return of_experts.exclude(external_ref="")  # as the index says it


def _first_ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:PEOPLE_FOUND])


@admin.register(Booking)
class BookingAdmin(ActingAdmin[Booking]):
    staff_actions = ACTIONS
    related = ("expert", "follower", "payment")
    list_display = ("code", "state_now", "call_at", "people", "paid", "returned", "deadline")
    list_display_links = ("code",)
    list_filter = (StateNow, CallDate, Late)
    search_fields = ("code",)
    search_help_text = "A code, a name, a whole e-mail address, or the id in another system."
    inlines = BOOKING_ROWS
    fieldsets = (
        (None, {"fields": ("code", "state_now", "deadline", "version")}),
        (
            "The call",
            {
                "fields": (
                    "expert", "follower", "booked_by", "follower_email",
                    "service_title", "call_at", "ends",
                    "place", "attempt",
                )
            },
        ),
        ("Money", {"fields": ("paid", "returned", "payment_link")}),
        ("Limits of this booking", {"fields": ("limits_in_words",), "classes": ("collapse",)}),
        ("Record", {"fields": ("external_ref", "created", "updated")}),
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Booking], search_term: str
    ) -> tuple[QuerySet[Booking], bool]:
        """Looks the person up first, so that the bookings are found by an index."""
        if not (term := search_term.strip()):
            return queryset, False
        if code := as_code(term):
            return queryset.filter(code=code), False
        followers, experts = (_first_ids(people) for people in _people(term))
        own = _first_ids(_booked_as(term))
        if PEOPLE_FOUND in (len(followers), len(experts), len(own)):
            messages.warning(request, f"Only bookings of the first {PEOPLE_FOUND} people found.")
        found = Q(follower_id__in=followers) | Q(expert_id__in=experts)
        others = [*own, *_first_ids(_imported_as(term))]
        return queryset.filter(found | Q(pk__in=others)), False

    @admin.display(description="state", ordering="state")
    def state_now(self, row: Booking) -> SafeString:
        if not unreadable.for_staff(row):
            return state_chip(row)
        return format_html("{} {}", state_chip(row), chip("Cannot be read in full", "bad"))

    @admin.display(description="what cannot be read")
    def wrong(self, row: Booking) -> SafeString:
        return format_html_join("", "<p>{}</p>", ((text,) for text in unreadable.for_staff(row)))

    def get_fieldsets(self, request: HttpRequest, obj: Booking | None = None) -> Any:
        """What is wrong stands on top, where something is."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not unreadable.for_staff(obj):
            return fieldsets
        return [("Cannot be read in full", {"fields": ("wrong",)}), *fieldsets]

    call_at = Column(moment, "starts_at", description="call (UTC)")
    ends = Column(moment, "ends_at", description="ends")
    created = Column(moment, "created_at", description="created")
    updated = Column(moment, "updated_at", description="updated")

    @admin.display(description="expert and follower")
    def people(self, row: Booking) -> SafeString:
        return format_html("{}<br>{}", row.expert.name, row.buyer.name)

    @admin.display(description="paid")
    def paid(self, row: Booking) -> SafeString:
        return money(row.price_minor, row.currency) if row.price_minor else chip("Free")

    @admin.display(description="going or gone back")
    def returned(self, row: Booking) -> str:
        payment = getattr(row, "payment", None)
        back = payment.reserved_minor + payment.returned_external_minor if payment else 0
        return money(back, row.currency) if back else NONE

    deadline = Column(remaining, "deadline_at", description="deadline (UTC)")
    booked_by = Column(str, "buyer.name", description="name given with the booking")
    follower_email = Column(str, "follower.email", description="follower’s e-mail")

    @admin.display(description="payment")
    def payment_link(self, row: Booking) -> str:
        payment = getattr(row, "payment", None)
        if payment is None:
            return NONE
        return format_html(
            '<a href="{}">{}</a>, {}',
            reverse("admin:bookings_payment_change", args=[payment.pk]),
            payment,
            payment.method,
        )

    @admin.display(description="limits")
    def limits_in_words(self, row: Booking) -> SafeString:
        limits = [(meaning, value) for meaning, value, _ in policy_rows(row.limits)]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}</li>", limits))

    def row_name(self, row: Booking) -> str:
        return row.code

    def form_facts(self, row: Booking) -> dict[str, Any]:
        return {**super().form_facts(row), "elsewhere_minor": gone_elsewhere(row)}

    def row_detail(self, row: Booking) -> str:
        return story(row)
