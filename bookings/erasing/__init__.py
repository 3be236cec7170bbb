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

from bookings import addresses, staff_acts
from bookings.erasing.steps import STEPS, Wanted, is_waited_for, of_address
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

OPEN = {
    "no_show_reported": "a no-show is reported for {code}",
    "reschedule_offered": "{code} waits for a new time to be picked",
    "contested": "{code} is contested",
}


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
    return of_address(Checkout.objects.filter(unfinished), address)


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
        staff_acts.note(
            "Erased a follower", by=by, at=now, reason=reason, about=ERASED_NAME, follower=follower
        )
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
    own = of_address(Checkout.objects.filter(state=CheckoutState.EXPIRED), follower.email)
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
        if is_waited_for(Wanted(**erasure.wanted)):
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
