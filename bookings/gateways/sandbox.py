"""A provider that keeps its own books and moves no money: the default without any keys.

How a refund ends can be scripted by the payment's reference: one that contains `declines`
is refused, `returns` comes back from the bank, `silent` loses its first answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookings.gateways.port import (
    Answer,
    Dispute,
    ListedRefund,
    MadeRefund,
    RefundRequest,
    Status,
    answer_of,
)
from bookings.models import SandboxRefund

SETTLES_AFTER = timedelta(seconds=15)


class SandboxGateway:
    is_remote = False

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        if "declines" in request.payment_ref:
            return Answer(Status.DECLINED, message="The card's bank refused the refund.")
        entry, is_new = SandboxRefund.objects.get_or_create(
            idempotency_key=request.idempotency_key,
            defaults={
                "refund_uuid": request.refund_uuid,
                "payment_ref": request.payment_ref,
                "amount_minor": request.amount_minor,
                "currency": request.currency,
                "status": Status.ACCEPTED,
                "settles_at": now + SETTLES_AFTER,
            },
        )
        if is_new and "silent" in request.payment_ref:
            raise TimeoutError("The sandbox took the refund and lost its answer.")
        return answer_of(_listed(entry, now), request)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        entry = SandboxRefund.objects.filter(idempotency_key=request.idempotency_key).first()
        return answer_of(_listed(entry, now), request) if entry else None

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        entries = SandboxRefund.objects.filter(payment_ref=payment_ref).order_by("-pk")
        return [_listed(entry, now) for entry in entries]

    def refunds_made(self, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
        """Its books are in our database: there is nothing it could know and we do not."""
        yield []

    def fetch_dispute(self, dispute_id: str, *, currency: str) -> Dispute | None:
        """No bank disputes what was never paid."""
        return None


def _listed(entry: SandboxRefund, now: datetime) -> ListedRefund:
    status = Status(entry.status)
    if entry.settles_at is not None and now >= entry.settles_at:
        status = Status.REVERSED if "returns" in entry.payment_ref else Status.SUCCEEDED
    return ListedRefund(
        provider_refund_id=f"sbx_{entry.pk}",
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        status=status,
        refund_uuid=entry.refund_uuid,
        idempotency_key=entry.idempotency_key,
        reference=f"SBX{entry.pk:08d}" if status == Status.SUCCEEDED else "",
        message="The account is closed." if status == Status.REVERSED else "",
    )
