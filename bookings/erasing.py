"""Erase a follower: the name, the address, and what they wrote. Money, states and times stay.

It begins with one transaction (`begin`), after which nobody can act for this person any more. The
rest is done in steps, each in a transaction of its own. Whoever is interrupted leaves a row of
`Erasure`, and `go_on` finishes it: called once more, or by the sweep.

Words of the follower always go. Words of an expert or of staff stay, unless they name the follower
or repeat what the follower wrote.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from bookings import addresses
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    CompletionMark,
    Contest,
    Erasure,
    Follower,
    HelpFeedback,
    Offer,
    OutboxEmail,
    OutboxState,
    PrivateLink,
    ProviderEvent,
    Refund,
    SetAside,
    StoredMessage,
    SupportRequest,
    history_chain,
)
from bookings.models.booking import BookingQuerySet
from bookings.models.cases import new_link_key
from bookings.models.history_chain import ERASED
from bookings.models.money import FAILED, IN_HAND, RefundState, new_key
from bookings.models.people import ERASED_NAME
from bookings.states import TransitionNotAllowed

AT_ONCE = 100
"""Bookings in one step."""
READ_AT_ONCE = 5000
"""Rows of other tables that are looked through in one step."""
SHORTEST_NAME = 3
"""Letters. A shorter part of a name is in too many words."""
SHORTEST_QUOTE = 8
OPEN = {
    "no_show_reported": "a no-show is reported for {code}",
    "reschedule_offered": "{code} waits for a new time to be picked",
    "contested": "{code} is contested",
}


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


# --- may it be done? ------------------------------------------------------------------------------


def refusal(follower: Follower, *, now: datetime) -> str:
    """Why this follower cannot be erased now, in a sentence; empty when they can be."""
    if (found := _open_booking(follower.bookings.all(), now=now)) or (
        found := _open_money(follower, now=now)
    ):
        return f"Not yet: {found}."
    return ""


def _open_booking(bookings: BookingQuerySet, *, now: datetime) -> str:
    waiting = bookings.filter(state__in=OPEN).first()
    if waiting is not None:
        return OPEN[waiting.state].format(code=waiting.code)
    coming = bookings.filter(state="scheduled", ends_at__gt=now).first()
    if coming is not None:
        return f"the call {coming.code} is still to come"
    undoable = bookings.filter(undo_until__gt=now).first()
    return f"what was just done with {undoable.code} can still be undone" if undoable else ""


def _open_money(follower: Follower, *, now: datetime) -> str:
    unfinished = Q(state__in=[*IN_HAND, *FAILED, RefundState.MANUAL_DUE]) | ~Q(hold_reason="")
    live = Refund.objects.filter(booking__follower=follower).exclude(state=RefundState.VOID)
    refund = live.filter(unfinished).exclude(_replaced()).select_related("booking").first()
    if refund is not None:
        return f"the refund of {refund.booking.code} is not finished"
    disputed = follower.bookings.filter(payment__is_disputed=True).first()
    if disputed is not None:
        return f"the bank disputes the payment of {disputed.code}"
    if _open_checkouts(follower.email).exists():
        return "a purchase with this address is not finished; try again in an hour"
    return ""


def _replaced() -> Q:
    """A refund that failed, after which as much was sent by another one."""
    return Q(state__in=FAILED, payment__reserved_minor__gte=F("payment__captured_minor"))


def _open_checkouts(address: str) -> QuerySet[Checkout]:
    """Somebody may still pay for these."""
    unfinished = Q(state=CheckoutState.OPEN) | Q(state=CheckoutState.EXPIRED) & Q(
        next_poll_at__isnull=False
    )
    return _of_address(Checkout.objects.filter(unfinished), address)


def _of_address(rows: QuerySet[Any], *several: str) -> QuerySet[Any]:
    spellings = {spelling for one in several for spelling in addresses.spellings(one)}
    either = Q()
    for spelling in sorted(spellings):
        either |= Q(email__iexact=spelling)
    return rows.filter(either)


# --- the first transaction: nobody acts for this person any more ----------------------------------


def begin(follower_id: int, *, by: int | None, reason: str, now: datetime) -> Erasure:
    """A purchase or a report of the same moment either comes first, and this is refused, or finds
    nobody of this address and a link that leads nowhere."""
    with transaction.atomic():
        follower = Follower.objects.select_for_update().get(pk=follower_id)
        begun = Erasure.objects.filter(follower=follower).first()
        if begun is not None:
            return begun
        locked = follower.bookings.select_for_update(no_key=True, of=("self",)).order_by("pk")
        bookings = list(locked)
        if refused := refusal(follower, now=now):
            raise TransitionNotAllowed("open", refused)
        wanted = _wanted(follower, bookings)
        if wanted.is_named_in(reason):
            raise TransitionNotAllowed("names", "Give a reason that does not name the person.")
        erasure = Erasure.objects.create(
            follower=follower,
            by_id=by,
            reason=reason,
            wanted=asdict(wanted),
            step=next(iter(STEPS)),
            began_at=now,
        )
        _forget_person(follower, now=now)
        return erasure


def _wanted(follower: Follower, bookings: Sequence[Booking]) -> Wanted:
    own = _of_address(Checkout.objects.filter(state=CheckoutState.EXPIRED), follower.email)
    of_bookings = Checkout.objects.filter(booking__in=bookings)
    names, spelled = {follower.name}, {follower.email, *addresses.spellings(follower.email)}
    names |= {booking.buyer_name for booking in bookings if booking.buyer_name}
    references = {booking.payment.provider_ref for booking in bookings if _is_paid(booking)}
    for checkout in [*own, *of_bookings]:
        names.add(checkout.name)
        spelled |= {checkout.email, *addresses.spellings(checkout.email)}
        references |= {checkout.provider_ref, checkout.key}
    return Wanted(
        names=sorted(names - {""}),
        addresses=sorted(spelled),
        codes=[booking.code for booking in bookings],
        references=sorted(references - {""}),
    )


def _is_paid(booking: Booking) -> bool:
    return hasattr(booking, "payment")


def _forget_person(follower: Follower, *, now: datetime) -> None:
    Follower.objects.filter(pk=follower.pk).update(
        name=ERASED_NAME,
        email=f"erased-{secrets.token_hex(8)}@erased.invalid",  # nobody types it into a form
        time_zone="UTC",
        clock="24",
        erased_at=now,
    )
    follower.bookings.update(erased_at=now, buyer_name="", buyer_zone="", buyer_clock="")
    for link in PrivateLink.objects.filter(booking__follower=follower).only("pk"):
        PrivateLink.objects.filter(pk=link.pk).update(key=new_link_key())
    OutboxEmail.objects.filter(
        booking__follower=follower,
        audience=OutboxEmail.Audience.FOLLOWER,
        state__in=[OutboxState.QUEUED, OutboxState.SENDING],
    ).update(state=OutboxState.CANCELLED, next_attempt_at=None)


# --- the steps ------------------------------------------------------------------------------------

Step = Callable[[Erasure, Wanted], int | None]
"""Does some more, and returns the id of the last row it has looked at; None when it is through."""


def go_on(erasure_id: int, *, now: datetime, seconds: float | None = None) -> bool:
    """Whether all is erased. One that is worked on by somebody else is left to them."""
    ends = None if seconds is None else time.monotonic() + seconds
    while ends is None or time.monotonic() < ends:
        with transaction.atomic():
            unfinished = Erasure.objects.filter(pk=erasure_id, finished_at=None)
            erasure = unfinished.select_for_update(skip_locked=True).first()
            if erasure is None:
                break
            if not _one_step(erasure, now=now):
                return False
    return Erasure.objects.filter(pk=erasure_id, finished_at__isnull=False).exists()


def finish_all(*, now: datetime, seconds: float = 10.0) -> int:
    """What was interrupted; for the sweep. How many are finished now."""
    unfinished = Erasure.objects.filter(finished_at=None).order_by("pk")
    return sum(
        go_on(pk, now=now, seconds=seconds) for pk in unfinished.values_list("pk", flat=True)[:10]
    )


def _one_step(erasure: Erasure, *, now: datetime) -> bool:
    """False when it has to wait: a message of the provider that names them is still worked on."""
    names = list(STEPS)
    last = STEPS[erasure.step](erasure, Wanted(**erasure.wanted))
    if last is None and erasure.step == names[-1]:
        if _waits(Wanted(**erasure.wanted)):
            erasure.step, erasure.last_id = "webhooks", 0
            erasure.save(update_fields=["step", "last_id"])
            return False
        erasure.finished_at, erasure.wanted = now, {}
    elif last is None:
        erasure.step, erasure.last_id = names[names.index(erasure.step) + 1], 0
    else:
        erasure.last_id = last
    erasure.save(update_fields=["step", "last_id", "finished_at", "wanted"])
    return True


def _waits(wanted: Wanted) -> bool:
    waiting = ProviderEvent.objects.filter(next_attempt_at__isnull=False)
    return waiting.filter(_contains(wanted, "body", also=wanted.references)).exists()


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
    _of_address(nothing, *wanted.addresses).delete()


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


def _blank(rows: QuerySet[Any], columns: Sequence[str]) -> None:
    rows.update(**dict.fromkeys(columns, ERASED))


def _empty_body(rows: QuerySet[ProviderEvent], columns: Sequence[str]) -> None:
    rows.filter(next_attempt_at=None).update(body="{}", last_error="")


def _delete(rows: QuerySet[Any], columns: Sequence[str]) -> None:
    rows.delete()


STEPS: dict[str, Step] = {
    "bookings": _bookings,
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
