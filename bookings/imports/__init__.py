"""Bookings from another system, from a CSV file. The columns are described in docs/importing.md.

`file` reads the file, `lines` understands one line, and what stands here writes some hundreds of
them in a transaction. A line stands alone: it is in with its payment and its history, or it is
refused with a reason, and neither stops the others. What the database refuses is refused line by
line.

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

from bookings import addresses, intake
from bookings.imports import file
from bookings.imports.lines import Call, Problem, understand
from bookings.models import Booking, Expert, Follower, Payment, PlaceKind, Provider, Service
from bookings.states import HOLDS_A_SLOT, SYSTEM, State

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
    with file.opened(path) as lines, transaction.atomic() if is_rehearsal else nullcontext():
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

    def take(self, lines: list[file.Line]) -> None:
        calls = list(self._understood(lines))
        self.experts = experts_of(calls)
        calls = self._new_ones(list(self._with_expert(calls)))
        with transaction.atomic():
            people = Followers(calls, self.experts)
            services = Services(calls, self.experts)
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

    def _understood(self, lines: list[file.Line]) -> Iterator[Call]:
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
        references = references_used(calls, self.experts)
        paid = payments_used(calls)
        new = []
        for call in calls:
            reference = (self.experts[call.expert_email].pk, call.external_ref)
            payment = payment_key(call, self.experts[call.expert_email])
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

    def _draft(self, call: Call, people: Followers, services: Services) -> intake.NewBooking:
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
            place=call.place or None,
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
        elif other := in_the_way(booking):
            reason = f"The expert has a call at that time already: {other}, {other.external_ref}."
            self._refuse(Problem(call.line, "starts_at", reason, call.starts_at.isoformat()))
        else:
            reason = f"The database does not take it: {str(error).splitlines()[0]}"
            self._refuse(Problem(call.line, "", reason))


def _payment_facts(call: Call, expert: Expert) -> intake.PaymentFacts | None:
    if call.paid_at is None:
        return None
    provider, reference = payment_key(call, expert)
    is_returned = call.state in (State.REFUNDED, State.CANCELLED)
    return intake.PaymentFacts(
        provider=Provider(provider),
        provider_ref=reference,
        paid_at=call.paid_at,
        method=call.payment_method,
        returned_minor=call.price_minor if is_returned else 0,
    )


# --- what some lines need from the database: asked once for all, added where it is missing --------


def experts_of(calls: list[Call]) -> dict[str, Expert]:
    emails = {call.expert_email for call in calls}
    found = Expert.objects.with_address(*emails).select_related("user")
    return {addresses.identity(expert.user.email): expert for expert in found}


def references_used(
    calls: list[Call], experts: dict[str, Expert]
) -> dict[tuple[int, str], datetime]:
    """(expert, reference) to when that booking was made."""
    # That none is empty is said as their index says it: of a long list no database sees it itself.
    found = (
        Booking.objects.exclude(external_ref="")
        .filter(
            expert__in=list(experts.values()),
            external_ref__in={call.external_ref for call in calls},
        )
        .values_list("expert_id", "external_ref", "created_at")
    )
    return {(expert_id, reference): created_at for expert_id, reference, created_at in found}


def payments_used(calls: list[Call]) -> dict[tuple[str, str], str]:
    """(provider, reference) to the code of the booking. Asked for one provider after the other,
    with which the index begins."""
    references: dict[str, set[str]] = {}
    for call in calls:
        if call.payment_ref:
            references.setdefault(call.provider, set()).add(call.payment_ref)
    return {
        (provider, reference): code
        for provider, wanted in references.items()
        for reference, code in Payment.objects.filter(
            provider=provider, provider_ref__in=wanted
        ).values_list("provider_ref", "booking__code")
    }


def payment_key(call: Call, expert: Expert) -> tuple[str, str]:
    """A payment by hand may have no reference of its own."""
    return call.provider, call.payment_ref or f"imported-{expert.pk}-{call.external_ref}"


def in_the_way(booking: Booking) -> Booking | None:
    """The live call of the same expert that this one would overlap."""
    return Booking.objects.filter(
        expert=booking.expert,
        state__in=HOLDS_A_SLOT,
        starts_at__lt=booking.busy_until,
        busy_until__gt=booking.starts_at,
    ).first()


class Followers:
    """By address. A follower who is here already is left as they are."""

    def __init__(self, calls: list[Call], experts: dict[str, Expert]) -> None:
        wanted = {call.follower_email: call for call in calls}
        before = self._find(wanted)
        Follower.objects.bulk_create(
            [
                Follower(
                    name=call.follower_name,
                    email=email,
                    time_zone=call.follower_time_zone or experts[call.expert_email].time_zone,
                )
                for email, call in wanted.items()
                if email not in before
            ],
            ignore_conflicts=True,
        )
        self.known = self._find(wanted)
        self.new = [row.pk for email, row in self.known.items() if email not in before]

    @staticmethod
    def _find(emails: dict[str, Call]) -> dict[str, Follower]:
        """Locked, so that none is erased before the bookings are written."""
        found = Follower.objects.with_address(*emails).select_for_update(no_key=True).order_by("pk")
        return {addresses.identity(follower.email): follower for follower in found}

    def forget_unused(self) -> None:
        """A refused line leaves nobody behind."""
        Follower.objects.filter(pk__in=self.new, bookings__isnull=True).delete()


class Services:
    """By expert and title. The price and length of a line hold for its booking alone."""

    def __init__(self, calls: list[Call], experts: dict[str, Expert]) -> None:
        wanted = {(experts[call.expert_email].pk, call.service_title): call for call in calls}
        before = self._find(wanted)
        Service.objects.bulk_create(
            [
                Service(
                    expert_id=expert_id,
                    title=title,
                    duration_minutes=call.duration_minutes,
                    price_minor=call.price_minor,
                    currency=call.currency,
                    place_kind=PlaceKind.ADDRESS if call.place else PlaceKind.WRITE,
                    place=call.place,
                    is_active=False,  # an import sells nothing
                )
                for (expert_id, title), call in wanted.items()
                if (expert_id, title) not in before
            ],
            ignore_conflicts=True,
        )
        self.known = self._find(wanted)
        self.new = [row.pk for key, row in self.known.items() if key not in before]

    @staticmethod
    def _find(wanted: dict[tuple[int, str], Call]) -> dict[tuple[int, str], Service]:
        found = Service.objects.filter(
            expert_id__in={expert_id for expert_id, _ in wanted},
            title__in={title for _, title in wanted},
        )
        return {(service.expert_id, service.title): service for service in found}

    def forget_unused(self) -> None:
        Service.objects.filter(pk__in=self.new, bookings__isnull=True).delete()
