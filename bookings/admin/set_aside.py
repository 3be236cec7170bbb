"""Bookings that the sweep cannot go on with: why, and what staff can do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bookings import batches
from bookings.admin.acting import ActingAdmin, StaffAction
from bookings.admin.base import moment
from bookings.admin.searching import CodeSearch
from bookings.models import SetAside
from bookings.states import Actor


def _run(act: Callable[..., None], done: str) -> Callable[..., str]:
    def run(row: SetAside, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
        act(row.pk, actor=actor, now=now, reason=details["reason"])
        return done

    return run


def _not_renewed(row: SetAside, actor: Actor, now: datetime) -> str:
    if not row.booking.unreadable_limits:
        return "The limits of this booking can be read."
    return ""


@admin.register(SetAside)
class SetAsideAdmin(CodeSearch[SetAside], ActingAdmin[SetAside]):
    staff_actions = (
        StaffAction(
            "try_again",
            "Try again",
            "The next sweep tries it again, within a minute. It leaves this list when that works.",
            _run(batches.try_again, "Tried again within a minute."),
        ),
        StaffAction(
            "limits",
            "Give it today’s limits",
            "For a booking whose own limits cannot be read: those in force today take their place. "
            "A deadline that is running stays as it is.",
            _run(batches.give_limits_in_force, "It has today’s limits; tried again now."),
            refusal=_not_renewed,
        ),
    )
    list_display = ("booking", "step", "set_aside_at", "attempts", "next_try", "last_error")
    list_filter = ("step",)
    list_select_related = ("booking",)
    search_help_text = "The code of the booking."
    sortable_by = ()
    fields = ("booking", "step", "set_aside_at", "attempts", "next_try", "last_error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SetAside]:
        return super().get_queryset(request).select_related("booking__expert")

    @admin.display(description="since")
    def set_aside_at(self, row: SetAside) -> str:
        return moment(row.since)

    def next_try(self, row: SetAside) -> str:
        return moment(row.next_attempt_at)
