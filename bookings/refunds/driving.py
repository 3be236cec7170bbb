"""Phases two and three: ask the provider outside any transaction, then write down its answer.

Whatever dies in between: the row says `sending` with a step in the future, and the next driver
first asks the provider what became of it. The same key is used for every try; see `outcomes`
for the one case in which it changes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from django.conf import settings
from django.db import InterfaceError, OperationalError

from bookings import fan_out
from bookings.gateways import Answer, Ask, Gateway, Status, gateway_of, kept_open
from bookings.models import Refund, RefundState
from bookings.refunds import claiming, crash_points, frozen, holds, recovery, timing
from bookings.refunds.frozen import request_of, to_look_for
from bookings.refunds.outcomes import ABSENT
from bookings.refunds.recording import record_all

__all__ = ["drive", "execute", "request_of"]
logger = logging.getLogger(__name__)

MOST_WRITTEN_IN_VAIN = 5
"""After so many tries a refund whose answer cannot be written is left to a person."""
AHEAD = 6
"""So many times as many refunds are claimed as are asked about, so that one batch is written while
the next one is under way."""


def drive(refund_ids: Sequence[int], *, now: datetime, seconds: float = 30.0) -> int:
    """Take the next step of each of these refunds that is due; how many were taken.

    As many calls at a time as PROVIDER_IN_FLIGHT says. After `seconds` none is begun, and what is
    left over is for the next driver.
    """
    at_most = settings.PROVIDER_IN_FLIGHT
    with kept_open(at_most) as ask:
        driver = _Driver(refund_ids, now, ask)
        fan_out.work(driver, at_most=at_most, claimed=AHEAD * at_most, seconds=seconds)
    return driver.taken


def execute(refund_id: int, *, now: datetime) -> bool:
    """The same for one. False when there was nothing to do."""
    return bool(drive([refund_id], now=now))


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
        self.taken = 0

    def claim(self, at_most: int) -> list[_Errand]:
        while self.queue:
            refunds = self.queue.take(at_most)
            if refunds:
                crash_points.reached("claimed")
            errands = [
                self._errand(refund)
                for refund in refunds
                if not claiming.is_set_aside(refund, frozen.check_provider, now=self.now)
            ]
            sends = [one for one in errands if one.answer is None and not one.looks]
            ready = [*(one for one in errands if one not in sends), *self._may_send(sends)]
            if ready:
                return ready
        return []

    def _take(self, ids: Sequence[int], *, at_most: int) -> list[Refund]:
        return claiming.claim(ids, at_most=at_most, lease=self.lease, now=self.now)

    def _errand(self, refund: Refund) -> _Errand:
        provider = refund.payment.provider
        gateway = self.gateway_of(provider)
        is_poll = refund.state == RefundState.ACCEPTED
        errand = _Errand(refund, gateway, is_poll or claiming.needs_a_look(refund, now=self.now))
        if gateway is None:
            errand.answer = Answer(Status.UNKNOWN, message=f"No keys for {provider}.")
        return errand

    def _may_send(self, errands: Sequence[_Errand]) -> list[_Errand]:
        mark = partial(claiming.may_send, now=self.now)
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
        give_back = partial(claiming.give_back, now=self.now)
        fan_out.together(give_back, [one.refund for one in errands if one.answer is None])
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
        fan_out.together(self._wake, sorted(heard - self.awake))
        self.awake |= heard

    def _not_written(self, answered: tuple[Refund, Answer], error: Exception) -> None:
        """The lease ends, and the provider is asked again; but not for ever."""
        refund, _ = answered
        is_away = isinstance(error, (OperationalError, InterfaceError))
        if refund.attempts >= MOST_WRITTEN_IN_VAIN and not is_away:
            holds.set_aside(refund, f"Its answer cannot be written: {error}", now=self.now)

    def _wake(self, providers: Sequence[str]) -> list[int]:
        return [recovery.wake_waiting(provider, now=self.now) for provider in providers]
