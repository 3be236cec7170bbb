"""What waits for the workers: e-mails on their way, bookings that the sweep cannot go on with, and
the heartbeat of the sweep."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from bookings import batches
from bookings.admin.acting import ActingAdmin, StaffAction, refused_as, runs
from bookings.admin.base import (
    LATEST,
    CodeSearch,
    Column,
    NameSearch,
    ReadOnlyAdmin,
    age,
    among_latest,
    chip,
    moment,
)
from bookings.emails import outbox
from bookings.models import Heartbeat, OutboxEmail, OutboxState, SetAside
from bookings.states import Actor

TONES = {OutboxState.SENT: "ok", OutboxState.FAILED: "bad", OutboxState.CANCELLED: ""}


@admin.register(OutboxEmail)
class OutboxAdmin(CodeSearch[OutboxEmail], NameSearch[OutboxEmail], ActingAdmin[OutboxEmail]):
    """Without the text: it holds private links, and is made only when it is sent."""

    staff_actions = (
        StaffAction(
            "retry",
            "Try again",
            "Sends the e-mail within a minute, unless what it says is no longer true.",
            runs(outbox.retry, "Sent within a minute."),
            refusal=refused_as(lambda row, actor, now: outbox.refusal(row, "retry", actor)),
        ),
        StaffAction(
            "park",
            "Park",
            "Stops trying. It can be tried again later.",
            runs(outbox.park, "Parked."),
            refusal=refused_as(lambda row, actor, now: outbox.refusal(row, "park", actor)),
        ),
    )
    related = ("booking__expert",)
    list_display = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created",
                    "sent", "last_error")  # fmt: skip
    list_filter = ("state", "audience")
    search_help_text = (
        f"The code of the booking, or a kind such as offer among the latest {LATEST:,} e-mails."
    )
    fields = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created", "sent",
              "last_error", "message_id", "dedupe_key")  # fmt: skip

    def named(self, term: str) -> Iterable[QuerySet[OutboxEmail]]:
        yield among_latest(OutboxEmail.objects.all(), kind__iexact=term)

    @admin.display(description="e-mail")
    def what(self, row: OutboxEmail) -> str:
        return row.kind.replace("_", " ")

    @admin.display(description="state")
    def state_now(self, row: OutboxEmail) -> SafeString:
        return chip(row.get_state_display(), TONES.get(OutboxState(row.state), "info"))

    next_try = Column(moment, "next_attempt_at")
    created = Column(moment, "created_at")
    sent = Column(moment, "sent_at")

    def row_name(self, row: OutboxEmail) -> str:
        about = f" of {row.booking}" if row.booking else ""
        return f"{row.kind.replace('_', ' ').capitalize()}{about}"


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ("name", "finished", "age_now", "counts")
    fields = list_display

    finished = Column(moment, "finished_at")
    age_now = Column(age, "finished_at", description="age")


def _not_renewed(row: SetAside, actor: Actor, now: datetime) -> str:
    if not row.booking.unreadable_limits:
        return "The limits of this booking can be read."
    return ""


@admin.register(SetAside)
class SetAsideAdmin(CodeSearch[SetAside], ActingAdmin[SetAside]):
    """Why the sweep cannot go on with a booking, and what staff can do."""

    staff_actions = (
        StaffAction(
            "try_again",
            "Try again",
            "The next sweep tries it again, within a minute. It leaves this list when that works.",
            runs(batches.try_again, "Tried again within a minute."),
        ),
        StaffAction(
            "limits",
            "Give it today’s limits",
            "For a booking whose own limits cannot be read: those in force today take their place. "
            "A deadline that is running stays as it is.",
            runs(batches.give_limits_in_force, "It has today’s limits; tried again now."),
            refusal=_not_renewed,
        ),
    )
    related = ("booking__expert",)
    list_display = ("booking", "step", "set_aside_at", "attempts", "next_try", "last_error")
    list_filter = ("step",)
    search_help_text = "The code of the booking."
    fields = list_display

    set_aside_at = Column(moment, "since", description="since")
    next_try = Column(moment, "next_attempt_at")
