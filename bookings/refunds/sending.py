"""Sending refunds: ask the provider outside any transaction, then write down its answer.

Whatever dies in between: the row says `sending` with a step in the future, and the next driver
first asks the provider what became of it. The same key is used for every try; see `answers`
for the one case in which it changes.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from bookings import fan_out, outages
from bookings.database import leases
from bookings.gateways import Answer, Ask, Gateway, Status, gateway_of, kept_open, why_not
from bookings.models import Heartbeat, Payment, Refund, RefundState
from bookings.models.money import IN_HAND, RefundQuerySet
from bookings.refunds import crash_points, holds, timing
from bookings.refunds.answers import ABSENT, record_all
from bookings.refunds.planning import (
    Unreadable,
    check_provider,
    check_words,
    request_of,
    to_look_for,
)

logger = logging.getLogger(__name__)

MOST_WRITTEN_IN_VAIN = 5
"""After so many tries a refund whose answer cannot be written is left to a person."""
AHEAD = 6
"""So many times as many refunds are claimed as are asked about, so that one batch is written while
the next one is under way."""


def drive(refund_ids: Sequence[int], *, now: datetime, seconds: float | None = None) -> int:
    """Take the next step of each of these refunds that is due; how many were taken.

    As many calls at a time as PROVIDER_IN_FLIGHT says. After `seconds` none is begun, and what is
    left over is for the next driver.
    """
    at_most = settings.PROVIDER_IN_FLIGHT
    with kept_open(at_most) as ask:
        driver = _Driver(refund_ids, now, ask)
        fan_out.work(driver, at_most=at_most, claimed=AHEAD * at_most, seconds=seconds)
    outages.note_failing(driver.silent - driver.awake, now=driver.now)
    if driver.awake:
        outages.note_working(driver.awake)
    return driver.taken


@dataclass(eq=False, slots=True)
class _Errand:
    refund: Refund
    gateway: Gateway | None
    looks: bool
    """It asks what became of the refund; otherwise it sends the refund."""
    answer: Answer | None = None


class _Driver(fan_out.Clock):
    def __init__(self, refund_ids: Sequence[int], now: datetime, ask: Ask) -> None:
        super().__init__(now)
        self.lease = uuid.uuid4()
        self.queue = fan_out.Queue(refund_ids, self._take)
        self.gateway_of = cache(lambda provider: gateway_of(provider, ask))
        self.awake: set[str] = set()
        self.silent: set[str] = set()
        """Providers that answered, and those one of whose answers cannot be trusted."""
        self.taken = 0

    def claim(self, at_most: int) -> list[_Errand]:
        while self.queue:
            refunds = self.queue.take(at_most)
            if refunds:
                crash_points.reached("claimed")
            errands = [
                self._errand(refund)
                for refund in refunds
                if not is_set_aside(refund, check_provider, now=self.now)
            ]
            sends = [one for one in errands if one.answer is None and not one.looks]
            ready = [*(one for one in errands if one not in sends), *self._may_send(sends)]
            if ready:
                return ready
        return []

    def _take(self, ids: Sequence[int], *, at_most: int) -> list[Refund]:
        return claim(ids, at_most=at_most, lease=self.lease, now=self.now)

    def _errand(self, refund: Refund) -> _Errand:
        provider = refund.payment.provider
        gateway = self.gateway_of(provider)
        is_poll = refund.state == RefundState.ACCEPTED
        errand = _Errand(refund, gateway, is_poll or needs_a_look(refund, now=self.now))
        if gateway is None:
            errand.answer = Answer(Status.UNKNOWN, message=f"No keys for {provider}.")
        return errand

    def _may_send(self, errands: Sequence[_Errand]) -> list[_Errand]:
        mark = partial(may_send, now=self.now)
        marked = {refund.pk for refund in fan_out.together(mark, [one.refund for one in errands])}
        if marked:
            crash_points.reached("marked")
        return [one for one in errands if one.refund.pk in marked]

    def is_remote(self, errand: _Errand) -> bool:
        return errand.gateway is not None and errand.gateway.is_remote

    def call(self, errand: _Errand) -> None:
        if errand.gateway is None:
            return
        try:
            if errand.looks:
                found = errand.gateway.find(to_look_for(errand.refund), now=self.now)
                errand.answer = found or self._if_not_listed(errand.refund)
            else:
                errand.answer = errand.gateway.send(request_of(errand.refund), now=self.now)
        except Exception as error:  # an exception is no answer, whatever its class
            why = f"{type(error).__name__}: {error}"
            logger.warning("refund %s: no answer (%s)", errand.refund.uuid, why)
            errand.answer = Answer(Status.UNKNOWN, message=why[:400])

    def _if_not_listed(self, refund: Refund) -> Answer | None:
        """None when it may be sent."""
        if refund.state == RefundState.ACCEPTED:
            return Answer(Status.UNKNOWN, message=ABSENT.message)
        if refund.first_sent_at and self.now - refund.first_sent_at > timing.KEY_LIFE:
            return ABSENT
        return None

    def go_on(self, errands: list[_Errand]) -> list[_Errand]:
        sends = [one for one in errands if one.answer is None]
        if sends:
            crash_points.reached("listed")
        sends = self._may_send(sends)
        for errand in sends:
            errand.looks = False
        return sends

    def finish(self, errands: list[_Errand]) -> None:
        answered = [(one.refund, one.answer) for one in errands if one.answer is not None]
        unasked = [one.refund for one in errands if one.answer is None]
        fan_out.together(partial(give_back, now=self.now), unasked)
        if not answered:
            return
        crash_points.reached("answered")
        self.taken += len(record_all(answered, now=self.now, failed=self._not_written))
        crash_points.reached("recorded")
        heard = {
            refund.payment.provider
            for refund, answer in answered
            if answer.status != Status.UNKNOWN
        }
        fan_out.together(partial(_wake_waiting, now=self.now), sorted(heard - self.awake))
        self.awake |= heard
        self.silent |= {
            one.refund.payment.provider
            for one in errands
            if one.gateway is not None and _is_silence(one.answer)
        }

    def _not_written(self, answered: tuple[Refund, Answer], error: Exception) -> None:
        """The lease ends, and the provider is asked again; but not for ever."""
        refund, _ = answered
        is_away = isinstance(error, (OperationalError, InterfaceError))
        if refund.attempts >= MOST_WRITTEN_IN_VAIN and not is_away:
            holds.set_aside(refund, f"Its answer cannot be written: {error}", now=self.now)


def _is_silence(answer: Answer | None) -> bool:
    """What a list does not show was answered, too."""
    if answer is None or answer.status != Status.UNKNOWN:
        return False
    return answer.message != ABSENT.message


# --- taking refunds, and the last look before they are sent ---------------------------------------

_STATE_WHILE_DRIVEN = Case(
    When(state=RefundState.ACCEPTED, then=Value(RefundState.ACCEPTED)),
    default=Value(RefundState.SENDING),
)


def claim(ids: Sequence[int], *, at_most: int, lease: uuid.UUID, now: datetime) -> list[Refund]:
    """Up to so many of these refunds that are due and nobody else's; fewer when there are no
    more. One that the bank has already is polled; any other is on its way from here on."""
    due = Refund.objects.due(now).filter(pk__in=ids, hold_reason="", state__in=IN_HAND)
    taken = leases.take(
        holds.hold_restored(due, now=now).select_related("payment", "booking"),
        at_most=at_most,
        lease=lease,
        until=now + timing.LEASE,
        state=_STATE_WHILE_DRIVEN,
    )
    for refund in taken:
        is_poll = refund.state == RefundState.ACCEPTED
        refund.state = RefundState.ACCEPTED if is_poll else RefundState.SENDING
    return taken


def needs_a_look(refund: Refund, *, now: datetime) -> bool:
    """Whether the provider's list must be read before this refund may be sent.

    Always, but for the first try of a refund that was planned less than 23 hours ago. Whatever
    was sent of it in a life of this database that a restored backup does not know was sent after
    it was planned and under the same key, so the provider remembers that key and pays nothing
    twice. Not so after a retry by staff (another epoch), and not after a hold (`alerted_at`),
    as the one after a restore. See decision 16.
    """
    is_first = refund.first_sent_at is None and refund.alerted_at is None and refund.epoch == 1
    return not is_first or now - refund.created_at >= timing.KEY_LIFE


def may_send(refunds: Sequence[Refund], *, now: datetime) -> list[Refund]:
    """Those whose lease is still ours, that can be read, whose amount is the same at the provider,
    and whose payment has no dispute. From here on they count as sent; the lease begins anew."""
    refunds = [
        refund
        for refund in refunds
        if not is_set_aside(refund, check_words, now=now) and not _is_left_to_staff(refund, now=now)
    ]
    if _mark(refunds, now=now) == len(refunds):
        return list(refunds)
    free = [refund for refund in refunds if _mark([refund], now=now)]
    for refund in refunds:
        disputed = Payment.objects.filter(pk=refund.payment_id, is_disputed=True)
        if refund not in free and disputed.exists():
            holds.hold(refund, holds.DISPUTE, now=now)
    return free


def is_set_aside(refund: Refund, check: Callable[[Refund], None], *, now: datetime) -> bool:
    """Whether this release cannot read it: then it waits for a person, and stops nobody."""
    try:
        check(refund)
    except Unreadable as why:
        holds.set_aside(refund, str(why), now=now)
        return True
    return False


def _is_left_to_staff(refund: Refund, *, now: datetime) -> bool:
    why = why_not(refund.payment.provider, refund.amount_minor, refund.currency)
    if why:
        holds.leave_to_staff(refund, why, now=now)
    return bool(why)


def give_back(refunds: Sequence[Refund], *, now: datetime) -> list[Refund]:
    """They were taken and not asked about: there is no time. The next driver need not wait, and
    what was marked as sent only now was not sent: other money may still take its place."""
    unsent = [
        refund.pk
        for refund in refunds
        if refund.first_sent_at is None and refund.state != RefundState.ACCEPTED
    ]
    leased = Refund.objects.filter(lease_token__in={refund.lease_token for refund in refunds})
    free: dict[str, Any] = {
        "next_attempt_at": now,
        "lease_token": None,
        "attempts": F("attempts") - 1,
    }
    leased.filter(pk__in=unsent).update(state=RefundState.DUE, first_sent_at=None, **free)
    leased.filter(pk__in=[refund.pk for refund in refunds]).update(**free)
    return list(refunds)


def _mark(refunds: Sequence[Refund], *, now: datetime) -> int:
    return Refund.objects.filter(
        pk__in=[refund.pk for refund in refunds],
        lease_token__in={refund.lease_token for refund in refunds},
        payment__is_disputed=False,
    ).update(
        first_sent_at=Coalesce("first_sent_at", now),
        absent_at=None,
        next_attempt_at=now + timing.LEASE,
    )


# --- after a provider's outage: one refund asks regularly, and its answer wakes the others --------

STEPS = 24
"""Within `timing.SPREAD`; a statement for each, however many wait."""
MOST = 5000


def _wake_waiting(providers: Sequence[str], *, now: datetime) -> list[int]:
    """These providers answer: refunds that wait long for their next try are spread over minutes."""
    woken = []
    for provider in providers:
        waiting = _waiting(now=now).filter(payment__provider=provider).ids(MOST)
        random.shuffle(waiting)
        for step in range(min(STEPS, len(waiting))):
            at = now + timing.SPREAD * (step + random.random()) / STEPS  # noqa: S311  not a secret
            rows = Refund.objects.filter(
                pk__in=waiting[step::STEPS],
                state=RefundState.UNKNOWN,
                absent_at=None,
                hold_reason="",
            )
            woken.append(rows.update(next_attempt_at=at))
    return woken


def probe(*, now: datetime) -> None:
    """Bring the next try of one waiting refund of each provider forward, every few minutes."""
    waiting = _waiting(now=now)
    providers = waiting.order_by().values_list("payment__provider", flat=True)
    for provider in sorted(set(providers)):
        beat, is_new = Heartbeat.objects.get_or_create(
            name=f"probe:{provider}", defaults={"finished_at": now}
        )
        if not is_new and now - beat.finished_at < timing.PROBE_EVERY:
            continue
        Heartbeat.objects.filter(pk=beat.pk).update(finished_at=now)
        of_provider = waiting.filter(payment__provider=provider)
        first = of_provider.order_by("next_attempt_at", "id").ids(1)
        Refund.objects.filter(pk__in=first, hold_reason="").update(next_attempt_at=now)


def _waiting(*, now: datetime) -> RefundQuerySet:
    return Refund.objects.filter(
        state=RefundState.UNKNOWN, absent_at=None, next_attempt_at__gt=now + timing.PROBE_EVERY
    )
