"""E-mails on their way, and the heartbeat of the sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bookings.admin.acting import ActingAdmin, StaffAction
from bookings.admin.base import ReadOnlyAdmin, age, chip, moment
from bookings.admin.searching import LATEST, CodeSearch, NameSearch, among_latest
from bookings.emails import outbox
from bookings.models import Heartbeat, OutboxEmail, OutboxState
from bookings.states import Actor

TONES = {OutboxState.SENT: "ok", OutboxState.FAILED: "bad", OutboxState.CANCELLED: ""}


def _run(verb: Callable[..., OutboxEmail], done: str) -> Callable[..., str]:
    def run(row: OutboxEmail, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
        verb(row.pk, actor=actor, now=now, reason=details["reason"])
        return done

    return run


def _refusal(verb: outbox.StaffVerb) -> Callable[[OutboxEmail, Actor, datetime], str]:
    def say(row: OutboxEmail, actor: Actor, now: datetime) -> str:
        refused = outbox.refusal(row, verb, actor)
        return refused.sentence if refused else ""

    return say


@admin.register(OutboxEmail)
class OutboxAdmin(CodeSearch[OutboxEmail], NameSearch[OutboxEmail], ActingAdmin[OutboxEmail]):
    """Without the text: it holds private links, and is made only when it is sent."""

    staff_actions = (
        StaffAction(
            "retry",
            "Try again",
            "Sends the e-mail within a minute, unless what it says is no longer true.",
            _run(outbox.retry, "Sent within a minute."),
            refusal=_refusal("retry"),
        ),
        StaffAction(
            "park",
            "Park",
            "Stops trying. It can be tried again later.",
            _run(outbox.park, "Parked."),
            refusal=_refusal("park"),
        ),
    )
    list_display = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created",
                    "sent", "last_error")  # fmt: skip
    list_filter = ("state", "audience")
    search_help_text = (
        f"The code of the booking, or a kind such as offer among the latest {LATEST:,} e-mails."
    )
    sortable_by = ()
    fields = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created", "sent",
              "last_error", "message_id", "dedupe_key")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEmail]:
        return super().get_queryset(request).select_related("booking__expert")

    def named(self, term: str) -> Iterable[QuerySet[OutboxEmail]]:
        yield among_latest(OutboxEmail.objects.all(), kind__iexact=term)

    @admin.display(description="e-mail")
    def what(self, row: OutboxEmail) -> str:
        return row.kind.replace("_", " ")

    @admin.display(description="state")
    def state_now(self, row: OutboxEmail) -> SafeString:
        return chip(row.get_state_display(), TONES.get(OutboxState(row.state), "info"))

    def next_try(self, row: OutboxEmail) -> str:
        return moment(row.next_attempt_at)

    def created(self, row: OutboxEmail) -> str:
        return moment(row.created_at)

    def sent(self, row: OutboxEmail) -> str:
        return moment(row.sent_at)

    def row_name(self, row: OutboxEmail) -> str:
        about = f" of {row.booking}" if row.booking else ""
        return f"{row.kind.replace('_', ' ').capitalize()}{about}"


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ("name", "finished", "age_now", "counts")
    sortable_by = ()
    fields = ("name", "finished", "age_now", "counts")

    def finished(self, row: Heartbeat) -> str:
        return moment(row.finished_at)

    @admin.display(description="age")
    def age_now(self, row: Heartbeat) -> str:
        return age(row.finished_at)
