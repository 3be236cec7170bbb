"""Our ledger against the provider's books: doubled, lost and mismatched refunds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bookings.models import (
    Booking,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.models.money import IN_HAND
from bookings.refunds.reconciling import is_paid_by_hand
from bookings.states import State


@dataclass
class Comparison:
    refunds: int = 0
    payments: int = 0
    doubled: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        wrong = (self.doubled, self.early, self.lost, self.mismatched, self.forgotten)
        return not any(wrong)


def find_early(
    books: Mapping[str, Any], due: Mapping[str, datetime], *, now: datetime
) -> list[str]:
    """What the provider was asked to pay before its time, and what a clock that is ahead has
    written. `now` and `due` are of the database's clock."""
    found = []
    for ref, due_at in due.items():
        for line in books[ref]["refunds"]:
            made_at = datetime.fromtimestamp(line["created"], UTC)
            if not line["is_external"] and made_at < due_at:
                found.append(f"{ref}: paid {due_at - made_at} before its deadline")
    for event in TimelineEvent.objects.filter(at__gt=now).select_related("booking"):
        found.append(f"{event.booking.code}: {event.verb} is stamped {event.at - now} ahead")
    return found


def compare(books: dict[str, Any]) -> Comparison:
    found = Comparison()
    for payment in Payment.objects.exclude(provider="sandbox").order_by("pk"):
        found.payments += 1
        _compare_payment(payment, books[payment.provider_ref], found)
    for booking in Booking.objects.filter(state=State.NO_SHOW_REPORTED):
        found.lost.append(f"{booking.code}: the clock of its report has run out")
    return found


def find_forgotten(promised: Mapping[str, int], events: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was answered and is not in the database: verbs, and webhooks that we took; and what
    is there and was never done: webhooks without work, e-mails that were never sent."""
    found = []
    versions = dict(Booking.objects.values_list("external_ref", "version"))
    for ref, version in promised.items():
        if versions.get(ref, 0) < version:
            found.append(f"booking {ref}: version {version} was answered, not {versions.get(ref)}")
    kept = set(ProviderEvent.objects.values_list("body_sha256", flat=True))
    for event in events:
        digest = hashlib.sha256(event["body"].encode()).hexdigest()
        if event["delivered"] and digest not in kept:
            found.append(f"webhook {event['id']}: taken, and not in the inbox")
    for row in ProviderEvent.objects.exclude(next_attempt_at=None):
        found.append(f"webhook {row.event_id}: never worked on ({row.last_error})")
    for mail in OutboxEmail.objects.exclude(next_attempt_at=None):
        found.append(f"e-mail {mail.dedupe_key}: never sent ({mail.last_error})")
    return found


def _compare_payment(payment: Payment, book: dict[str, Any], found: Comparison) -> None:
    live = [line for line in book["refunds"] if line["status"] != "failed"]
    rows = list(payment.refunds.order_by("pk"))
    found.refunds += len(rows)
    for row in rows:
        mine = [line for line in live if line["refund_uuid"] == str(row.uuid)]
        _compare_refund(row, mine, book, found)
    ours = {str(row.uuid) for row in rows}
    external = sum(line["amount_minor"] for line in live if line["refund_uuid"] not in ours)
    if payment.returned_external_minor != external:
        found.mismatched.append(
            f"{payment}: {payment.returned_external_minor} outside, the provider says {external}"
        )
    if payment.reserved_minor + external != book["returned_minor"]:
        found.mismatched.append(
            f"{payment}: {payment.reserved_minor} of ours + {external}, "
            f"the provider has {book['returned_minor']}"
        )


def _compare_refund(
    row: Refund, mine: list[dict[str, Any]], book: dict[str, Any], found: Comparison
) -> None:
    name = f"{row.uuid} {row.state} {row.amount_minor}"
    if len(mine) > 1:
        found.doubled.append(f"{name}: paid {len(mine)} times")
    if row.state in IN_HAND:
        found.lost.append(f"{name}: not finished ({row.last_answer})")
    if row.state == RefundState.SUCCEEDED and not mine and not is_paid_by_hand(row):
        found.lost.append(f"{name}: the provider has none")
    has_room = book["amount_minor"] - book["returned_minor"] >= row.amount_minor
    if row.state == RefundState.DECLINED and has_room:
        found.lost.append(f"{name}: declined although there is room ({row.last_answer})")
    if row.state in (RefundState.VOID, RefundState.DECLINED, RefundState.REVERSED) and mine:
        found.mismatched.append(f"{name}: the provider has paid it")
    if any(line["amount_minor"] != row.amount_minor for line in mine):
        found.mismatched.append(f"{name}: the provider has another amount")
