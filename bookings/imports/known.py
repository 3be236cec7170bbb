"""What some lines need from the database: asked once for all of them, added where it is missing."""

from __future__ import annotations

from datetime import datetime

from bookings import addresses
from bookings.imports.lines import Call
from bookings.models import Booking, Expert, Follower, Payment, Service
from bookings.states import HOLDS_A_SLOT


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
        found = Follower.objects.with_address(*emails)
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
