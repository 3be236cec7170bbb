"""What is erased of a follower once nobody can act for them any more, step by step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from bookings import addresses
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    CompletionMark,
    Contest,
    Erasure,
    HelpFeedback,
    Offer,
    OutboxEmail,
    ProviderEvent,
    Refund,
    SetAside,
    StaffAct,
    StoredMessage,
    SupportRequest,
    history_chain,
)
from bookings.models.history_chain import ERASED
from bookings.models.money import new_key
from bookings.models.people import ERASED_NAME

AT_ONCE = 100
"""Bookings in one step."""
READ_AT_ONCE = 5000
"""Rows of other tables that are looked through in one step."""
SHORTEST_NAME = 3
"""Letters. A shorter part of a name is in too many words."""
SHORTEST_QUOTE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Nothing of it is kept when all is erased."""

    names: list[str]
    addresses: list[str]
    codes: list[str]
    references: list[str]
    """Of payments, as the provider names them."""

    def is_named_in(self, text: str) -> bool:
        """Also by a part of the name: for words about one of their own bookings."""
        folded = text.casefold()
        parts = {part for name in self.names for part in re.findall(r"\w+", name.casefold())}
        mailboxes = {address.rpartition("@")[0].casefold() for address in self.addresses}
        wanted = {*parts, *mailboxes}
        return any(one in folded for one in self.anywhere()) or any(
            len(part) >= SHORTEST_NAME and re.search(rf"(?<!\w){re.escape(part)}(?!\w)", folded)
            for part in wanted
        )

    def anywhere(self) -> list[str]:
        """In small letters, what means this person wherever it stands, as texts may have it."""
        found = set()
        for one in (*self.addresses, *self.names):
            small = one.casefold()
            found |= {small, quote(small).casefold(), json.dumps(small)[1:-1].casefold()}
        return sorted(one for one in found if len(one) > SHORTEST_QUOTE)


def of_address(rows: QuerySet[Any], *several: str) -> QuerySet[Any]:
    spellings = {spelling for one in several for spelling in addresses.spellings(one)}
    either = Q()
    for spelling in sorted(spellings):
        either |= Q(email__iexact=spelling)
    return rows.filter(either)


Step = Callable[[Erasure, Wanted], int | None]
"""Does some more, and returns the id of the last row it has looked at; None when it is through."""


def _bookings(erasure: Erasure, wanted: Wanted) -> int | None:
    some = Booking.objects.filter(follower=erasure.follower_id, pk__gt=erasure.last_id)
    bookings = list(some.order_by("pk")[:AT_ONCE])
    for booking in bookings:
        _one_booking(booking, wanted)
    return bookings[-1].pk if bookings else None


def _one_booking(booking: Booking, wanted: Wanted) -> None:
    events = list(booking.events.exclude(note="").exclude(note=ERASED))
    theirs = [event.note for event in events if event.actor_kind == "follower"]
    reports = booking.reports.exclude(text="").exclude(text=ERASED)
    contests = booking.contests.exclude(reason=ERASED)
    said = [
        *theirs,
        *(answer for _, answer in booking.answered),
        *reports.values_list("text", flat=True),
        *contests.values_list("reason", flat=True),
    ]

    def is_about(text: str) -> bool:
        quoted = any(len(one) >= SHORTEST_QUOTE and one in text for one in said)
        return quoted or wanted.is_named_in(text)

    going = [event.pk for event in events if event.actor_kind == "follower" or is_about(event.note)]
    history_chain.erase_notes(connection, going)
    reports.update(text=ERASED)
    contests.update(reason=ERASED)
    for rows, name in (
        (Contest.objects, "decision_reason"),
        (Offer.objects, "note"),
        (CompletionMark.objects, "note"),
        (Refund.objects, "last_answer"),
        (Refund.objects, "hold_reason"),
        (Refund.objects, "reference"),
        (SetAside.objects, "last_error"),
        (SupportRequest.objects, "subject"),
        (SupportRequest.objects, "message"),
        (SupportRequest.objects, "answer"),
    ):
        _erase_where(rows.filter(booking=booking), name, is_about)
    OutboxEmail.objects.filter(booking=booking, audience="follower").update(last_error="")
    _clean_mails(OutboxEmail.objects.filter(booking=booking), is_about)
    _clean_acts(StaffAct.objects.filter(booking=booking), is_about)
    numbers = [one for one in said if len(one) > SHORTEST_NAME]
    has_number = any(one in booking.place for one in numbers) or is_about(booking.place)
    Booking.objects.filter(pk=booking.pk).update(
        answers=[[question, ERASED] for question, _ in booking.answered],
        place=ERASED if has_number else booking.place,
        external_ref=f"erased-{booking.pk}"
        if wanted.is_named_in(booking.external_ref)
        else booking.external_ref,
    )
    Checkout.objects.filter(booking=booking).update(**_blank_checkout(booking.place, has_number))


def _erase_where(rows: QuerySet[Any], name: str, is_about: Callable[[str], bool]) -> None:
    found = rows.exclude(**{name: ""}).values_list("pk", name)
    going = [pk for pk, text in found if is_about(text)]
    if going:
        rows.model._default_manager.filter(pk__in=going).update(**{name: ERASED})


def _blank_checkout(place: str, has_number: bool) -> dict[str, Any]:
    """The key is in the address of its page, which shows the booking."""
    return {
        "name": ERASED_NAME,
        "email": "erased@erased.invalid",
        "time_zone": "UTC",
        "clock": "24",
        "answers": [],
        "place": ERASED if has_number else place,
        "pay_url": "",
        "last_error": "",
        "key": new_key(),
    }


def _checkouts(erasure: Erasure, wanted: Wanted) -> None:
    """Those that came to nothing."""
    nothing = Checkout.objects.filter(state=CheckoutState.EXPIRED, next_poll_at=None)
    of_address(nothing, *wanted.addresses).delete()


def _sign_ins(erasure: Erasure, wanted: Wanted) -> None:
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        either = Q()
        for address in wanted.addresses:
            either |= Q(username__iexact=address)
        model.objects.filter(either).delete()


def _mails(erasure: Erasure, wanted: Wanted) -> int | None:
    """Those that are about no booking, such as links for a new password."""
    rows = OutboxEmail.objects.filter(booking=None, pk__gt=erasure.last_id).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:READ_AT_ONCE])
    some = OutboxEmail.objects.filter(pk__in=ids)
    resets = some.filter(kind="password_reset", facts__email__in=wanted.addresses)
    resets.delete()
    _clean_mails(some, lambda text: _has_any(text, wanted.anywhere()))
    return ids[-1] if ids else None


def _clean_mails(mails: QuerySet[OutboxEmail], is_about: Callable[[str], bool]) -> None:
    for pk, facts, error in mails.values_list("pk", "facts", "last_error"):
        told = {name: ERASED if is_about(json.dumps(value, ensure_ascii=False)) else value
                for name, value in facts.items()}  # fmt: skip
        said = ERASED if is_about(error) else error
        if (told, said) != (facts, error):
            OutboxEmail.objects.filter(pk=pk).update(facts=told, last_error=said)


def _has_any(text: str, wanted: Iterable[str]) -> bool:
    folded = text.casefold()
    return any(one in folded for one in wanted)


def _contains(wanted: Wanted, *columns: str, also: Sequence[str] = ()) -> Q:
    found = Q()
    for column in columns:
        for one in (*wanted.anywhere(), *also):
            found |= Q(**{f"{column}__icontains": one})
    return found


def _looks_through(
    model: type[Model],
    *columns: str,
    names: Callable[[Wanted], Sequence[str]] = lambda wanted: (),
    erase: Callable[[QuerySet[Any], Sequence[str]], object],
) -> Step:
    """A table that no index helps with, some rows in each step."""

    def step(erasure: Erasure, wanted: Wanted) -> int | None:
        rows = model._default_manager.filter(pk__gt=erasure.last_id).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:READ_AT_ONCE])
        if not ids:
            return None
        some = model._default_manager.filter(pk__gt=erasure.last_id, pk__lte=ids[-1])
        texts = {f"{name}_text": Cast(name, TextField()) for name in columns}
        found = some.alias(**texts).filter(_contains(wanted, *texts, also=names(wanted)))
        erase(found, columns)
        return int(ids[-1])

    return step


def _acts(erasure: Erasure, wanted: Wanted) -> None:
    """What staff did with the person; with their bookings, it goes with these. No other act can
    name them: whoever writes about a person does so where the person stands."""
    _clean_acts(StaffAct.objects.filter(follower=erasure.follower_id), wanted.is_named_in)


def _clean_acts(acts: QuerySet[StaffAct], is_about: Callable[[str], bool]) -> None:
    for act in acts:
        told = {
            "reason": ERASED if is_about(act.reason) else act.reason,
            "about": ERASED if is_about(act.about) else act.about,
            "changes": [] if is_about(json.dumps(act.changes, ensure_ascii=False)) else act.changes,
        }
        if told != {name: getattr(act, name) for name in told}:
            StaffAct.objects.filter(pk=act.pk).update(**told)


def _blank(rows: QuerySet[Any], columns: Sequence[str]) -> None:
    rows.update(**dict.fromkeys(columns, ERASED))


def _empty_body(rows: QuerySet[ProviderEvent], columns: Sequence[str]) -> None:
    rows.filter(next_attempt_at=None).update(body="{}", last_error="")


def _delete(rows: QuerySet[Any], columns: Sequence[str]) -> None:
    rows.delete()


STEPS: dict[str, Step] = {
    "bookings": _bookings,
    "acts": _acts,
    "checkouts": _checkouts,
    "sign_ins": _sign_ins,
    "mails": _mails,
    "demo_inbox": _looks_through(
        StoredMessage, "to", "subject", "text", "html", "calendar", "headers",
        names=lambda wanted: wanted.codes, erase=_delete,
    ),
    "support": _looks_through(SupportRequest, "subject", "message", "answer", erase=_blank),
    "feedback": _looks_through(HelpFeedback, "comment", erase=_blank),
    "admin_log": _looks_through(LogEntry, "object_repr", "change_message", erase=_blank),
    "webhooks": _looks_through(
        ProviderEvent, "body", "last_error",
        names=lambda wanted: wanted.references, erase=_empty_body,
    ),
}  # fmt: skip


def is_waited_for(wanted: Wanted) -> bool:
    waiting = ProviderEvent.objects.filter(next_attempt_at__isnull=False)
    return waiting.filter(_contains(wanted, "body", also=wanted.references)).exists()
