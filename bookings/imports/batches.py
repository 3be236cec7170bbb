"""Writes lines, some hundreds in a transaction. What the database refuses is refused line by line.

A stopped import leaves whole batches behind; run again, it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import IntegrityError, transaction

from bookings import intake
from bookings.imports import known, table
from bookings.imports.lines import Call, Problem, understand
from bookings.models import Booking, Expert, Provider
from bookings.states import SYSTEM, State

BATCH = 500
"""So many lines are looked up together, in one transaction."""
WRITTEN_AT_ONCE = 100
"""So many of them, and no more: a refusal makes the database do them all again."""


@dataclass(slots=True)
class Outcome:
    """How many lines of the file; they add up to all that were read."""

    imported: int = 0
    already_there: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        return self.imported + self.already_there + self.refused


Tell = Callable[[Problem], None]


def import_file(
    path: Path,
    *,
    now: datetime,
    tell: Tell,
    progress: Callable[[Outcome], None],
    is_rehearsal: bool = False,
) -> Outcome:
    """Every reason goes to `tell` as it is found. Raises FileRefused before anything is written.

    A rehearsal does the same in one transaction and takes it back, so that it cannot differ.
    """
    outcome = Outcome()
    with table.opened(path) as lines, transaction.atomic() if is_rehearsal else nullcontext():
        while batch := list(islice(lines, BATCH)):
            _Batch(outcome, tell=tell, now=now).take(batch)
            progress(outcome)
        if is_rehearsal:
            transaction.set_rollback(True)
    return outcome


class _Batch:
    """Some hundred lines: what they need is looked up together, and they are written together."""

    def __init__(self, outcome: Outcome, *, tell: Tell, now: datetime) -> None:
        self.outcome, self.tell, self.now = outcome, tell, now
        self.experts: dict[str, Expert] = {}
        self.problems: list[Problem] = []

    def take(self, lines: list[table.Line]) -> None:
        calls = list(self._understood(lines))
        self.experts = known.experts_of(calls)
        calls = self._new_ones(list(self._with_expert(calls)))
        with transaction.atomic():
            people = known.Followers(calls, self.experts)
            services = known.Services(calls, self.experts)
            drafts = [(call, self._draft(call, people, services)) for call in calls]
            for start in range(0, len(drafts), WRITTEN_AT_ONCE):
                self._write(drafts[start : start + WRITTEN_AT_ONCE])
            people.forget_unused()
            services.forget_unused()
        for problem in sorted(self.problems, key=lambda problem: problem.line):
            self.tell(problem)

    def _refuse(self, *problems: Problem) -> None:
        self.outcome.refused += 1
        self.problems.extend(problems)

    def _understood(self, lines: list[table.Line]) -> Iterator[Call]:
        for line in lines:
            if line.error:
                self._refuse(Problem(line.number, "", line.error))
                continue
            call, problems = understand(line.number, line.values, now=self.now)
            if call is None:
                self._refuse(*problems)
            else:
                yield call

    def _with_expert(self, calls: list[Call]) -> Iterator[Call]:
        for call in calls:
            if call.expert_email in self.experts:
                yield call
            else:
                reason = "No expert signs in with this address; add the expert first."
                self._refuse(Problem(call.line, "expert_email", reason, call.expert_email))

    def _new_ones(self, calls: list[Call]) -> list[Call]:
        """Without those imported before, and without a reference or a payment used twice."""
        references = known.references_used(calls, self.experts)
        paid = known.payments_used(calls)
        new = []
        for call in calls:
            reference = (self.experts[call.expert_email].pk, call.external_ref)
            payment = known.payment_key(call, self.experts[call.expert_email])
            if (before := references.get(reference)) and before != self.now:
                self.outcome.already_there += 1
            elif before:
                reason = "An earlier line of this file has the same reference."
                self._refuse(Problem(call.line, "external_ref", reason, call.external_ref))
            elif call.price_minor and payment in paid:
                reason = f"This payment belongs to another booking: {paid[payment]}."
                self._refuse(Problem(call.line, "payment_ref", reason, call.payment_ref))
            else:
                new.append(call)
                references[reference] = self.now
                paid[payment] = f"line {call.line} of this file"
        return new

    def _draft(
        self, call: Call, people: known.Followers, services: known.Services
    ) -> intake.NewBooking:
        expert = self.experts[call.expert_email]
        return intake.draft(
            expert=expert,
            follower=people.known[call.follower_email],
            service=services.known[expert.pk, call.service_title],
            starts_at=call.starts_at,
            ends_at=call.ends_at,
            now=self.now,
            price_minor=call.price_minor,
            currency=call.currency,
            payment=_payment_facts(call, expert),
            external_ref=call.external_ref,
            place=call.place,
            actor=SYSTEM,
            state=call.state,
            buyer=intake.BuyerFacts(call.follower_name, call.follower_time_zone),
        )

    def _write(self, drafts: list[tuple[Call, intake.NewBooking]]) -> None:
        """All at once; what the database refuses is found by halving."""
        try:
            intake.save([draft for _, draft in drafts])
        except IntegrityError as error:
            if len(drafts) > 1:
                middle = len(drafts) // 2
                self._write(drafts[:middle])
                self._write(drafts[middle:])
            else:
                self._refused_by_database(*drafts[0], error)
        else:
            self.outcome.imported += len(drafts)

    def _refused_by_database(
        self, call: Call, draft: intake.NewBooking, error: IntegrityError
    ) -> None:
        booking = draft.booking
        same = Booking.objects.filter(expert=booking.expert, external_ref=booking.external_ref)
        if same.exists():  # another import was faster
            self.outcome.already_there += 1
        elif other := known.in_the_way(booking):
            reason = f"The expert has a call at that time already: {other}, {other.external_ref}."
            self._refuse(Problem(call.line, "starts_at", reason, call.starts_at.isoformat()))
        else:
            reason = f"The database does not take it: {str(error).splitlines()[0]}"
            self._refuse(Problem(call.line, "", reason))


def _payment_facts(call: Call, expert: Expert) -> intake.PaymentFacts | None:
    if call.paid_at is None:
        return None
    provider, reference = known.payment_key(call, expert)
    is_returned = call.state in (State.REFUNDED, State.CANCELLED)
    return intake.PaymentFacts(
        provider=Provider(provider),
        provider_ref=reference,
        paid_at=call.paid_at,
        method=call.payment_method,
        returned_minor=call.price_minor if is_returned else 0,
    )
