"""How the list of bookings is narrowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bookings import database_time
from bookings.admin.rows import state_words
from bookings.models import Booking
from bookings.states import State


class StateNow(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state_words(state)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


class CallDate(admin.SimpleListFilter):
    title = "date of the call"
    parameter_name = "call"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Within 24 hours, before or after now"),
            ("week", "In the next 7 days"),
            ("past_week", "In the past 7 days"),
            ("past_month", "In the past 30 days"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        days = {"today": (-1, 1), "week": (0, 7), "past_week": (-7, 0), "past_month": (-30, 0)}
        if (value := self.value()) not in days:
            return queryset
        now, (first, last) = database_time.now(), days[value]
        return queryset.filter(
            starts_at__gte=now + timedelta(days=first), starts_at__lt=now + timedelta(days=last)
        )


class Late(admin.SimpleListFilter):
    title = "deadline"
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("soon", "Within 24 hours"), ("yes", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        now = database_time.now()
        if self.value() == "yes":
            return queryset.filter(deadline_at__isnull=False, deadline_at__lte=now)
        if self.value() == "soon":
            return queryset.filter(deadline_at__gt=now, deadline_at__lte=now + timedelta(days=1))
        return queryset
