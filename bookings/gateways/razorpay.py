"""Refunds through Razorpay, by HTTP: its SDK has no time-out and drops the HTTP status.

Nearly every refusal is `BAD_REQUEST_ERROR` with prose, and prose is not read: after any 400 the
payment and its refunds say what is so. See docs/providers.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bookings.gateways.exchange import READ_SECONDS, Ask, Reply, exchange, retry_after
from bookings.gateways.listing import answer_of, find_in, live_minor
from bookings.gateways.port import Answer, ListedRefund, RefundRequest, Status
from bookings.gateways.razorpay_wire import RazorpayError, Wire, as_object, path_of, said_in, why

_STATUS = {
    "pending": Status.ACCEPTED,
    "processed": Status.SUCCEEDED,
    "failed": Status.REVERSED,
}
_PAGE = 100
_MOST_PAGES = 20
REFUNDABLE_FOR = timedelta(days=183)
"""Razorpay refuses refunds of payments older than six months."""


class RazorpayGateway:
    is_remote = True

    def __init__(
        self,
        *,
        api_base: str,
        key_id: str,
        key_secret: str,
        read_seconds: float = READ_SECONDS,
        ask: Ask = exchange,
    ) -> None:
        self.wire = Wire(f"{api_base}/v1", key_id, key_secret, read_seconds, ask)

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        reply = self.wire.call(
            "POST",
            f"{path_of(request.payment_ref)}/refund",
            body={
                "amount": request.amount_minor,
                "speed": "normal",
                "receipt": request.idempotency_key[:40],
                "notes": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
            },
            key=request.idempotency_key,
        )
        found = as_object(reply)
        if reply.status == 400 and "error" in found:
            return self._refused(request, said_in(found), now=now)
        if reply.status in (200, 201):
            return answer_of(_listed(found), request, is_new=True)
        return _no_answer(reply, found, now=now)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        try:
            return find_in(self.list_refunds(request.payment_ref, now=now), request)
        except RazorpayError as error:
            if error.reply is None:
                raise
            answer = _no_answer(error.reply, as_object(error.reply), now=now)
            return replace(answer, is_stored_failure=False)

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        path = f"{path_of(payment_ref)}/refunds"
        found: dict[str, ListedRefund] = {}
        for page in range(_MOST_PAGES):
            answer = self.wire.get(f"{path}?count={_PAGE}&skip={page * _PAGE}", "collection")
            entries = [_listed(entry) for entry in answer["items"]]
            if answer["count"] != len(entries):
                raise RazorpayError("The list of refunds is not complete.")
            # A refund made while we turn pages moves the others down: seen twice, never missed.
            found |= {entry.provider_refund_id: entry for entry in entries}
            if len(entries) < _PAGE:
                return list(found.values())
        raise RazorpayError("The list of refunds does not end.")

    def _refused(self, request: RefundRequest, said: str, *, now: datetime) -> Answer:
        """A no is believed only when the payment says why. Read it before its refunds: what is
        paid in between shows in the list."""
        payment = self.wire.get(path_of(request.payment_ref), "payment")
        listed = self.list_refunds(request.payment_ref, now=now)
        if answer := find_in(listed, request):
            return answer
        gone = max(live_minor(listed), payment["amount_refunded"] or 0)
        paid_at = datetime.fromtimestamp(payment["created_at"], tz=now.tzinfo)
        if payment["status"] not in ("captured", "refunded"):
            reason = "The payment was never captured."
        elif gone + request.amount_minor > payment["amount"]:
            reason = "Already refunded elsewhere."
        elif now - paid_at > REFUNDABLE_FOR:
            reason = "The payment is too old to be refunded."
        else:
            return Answer(Status.UNKNOWN, message=said)
        return Answer(Status.DECLINED, message=f"{reason} ({said})"[:400])


def _no_answer(reply: Reply, found: dict[str, Any], *, now: datetime) -> Answer:
    return Answer(
        Status.UNKNOWN,
        message=why(reply, found)[:400],
        retry_after=retry_after(reply.headers, now=now),
        is_stored_failure=reply.status >= 500 and "error" in found,
    )


def _listed(refund: dict[str, Any]) -> ListedRefund:
    if refund.get("entity") != "refund":
        raise RazorpayError("The answer is not a refund.")
    notes = refund.get("notes") or {}  # an empty one comes as []
    bank = refund.get("acquirer_data") or {}
    return ListedRefund(
        provider_refund_id=refund["id"],
        amount_minor=refund["amount"],
        currency=refund["currency"].upper(),
        status=_STATUS.get(refund["status"], Status.UNKNOWN),
        refund_uuid=notes.get("refund_uuid", ""),
        idempotency_key=notes.get("key", ""),
        reference=bank.get("arn") or bank.get("rrn") or "",
    )
