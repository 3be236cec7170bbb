"""Refunds through Razorpay, by HTTP: its SDK has no time-out and drops the HTTP status.

Nearly every refusal is `BAD_REQUEST_ERROR` with prose, and prose is not read: after any 400 the
payment and its refunds say what is so. See docs/providers.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bookings.gateways.exchange import (
    READ_SECONDS,
    Ask,
    Reply,
    exchange,
    is_replayed,
    retry_after,
)
from bookings.gateways.listing import answer_of, find_in, if_behind, live_minor
from bookings.gateways.port import (
    MOST_PAGES_MADE,
    Answer,
    Doubt,
    ListedRefund,
    MadeRefund,
    RefundRequest,
    Status,
)
from bookings.gateways.razorpay_wire import (
    RazorpayError,
    Wire,
    as_object,
    is_own_refusal,
    is_reference,
    path_of,
    said_in,
    why,
)

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
        if not is_reference(request.payment_ref):
            return _NO_REFERENCE
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
        if is_own_refusal(reply):
            return self._refused(request, reply, now=now)
        if reply.status in (200, 201):
            return answer_of(_listed(found), request, is_new=True)
        return _no_answer(reply, found, now=now)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        if not is_reference(request.payment_ref):
            return _NO_REFERENCE
        try:
            listed = self.list_refunds(request.payment_ref, now=now)
        except RazorpayError as error:
            if error.reply is None:
                raise
            if is_own_refusal(error.reply) and self._payment(request.payment_ref) is None:
                return _not_known(said_in(as_object(error.reply)))
            answer = _no_answer(error.reply, as_object(error.reply), now=now)
            return replace(answer, doubt=Doubt.NONE)  # of the list, not of our key
        if found := find_in(listed, request):
            return found
        return if_behind(listed, self._returned_minor(request.payment_ref))

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        path = f"{path_of(payment_ref)}/refunds"
        found: dict[str, ListedRefund] = {}
        for page in range(_MOST_PAGES):
            entries = list(map(_listed, self._page(f"{path}?count={_PAGE}&skip={page * _PAGE}")))
            # A refund made while we turn pages moves the others down: seen twice, never missed.
            found |= {entry.provider_refund_id: entry for entry in entries}
            if len(entries) < _PAGE:
                return list(found.values())
        raise RazorpayError("The list of refunds does not end.")

    def refunds_made(self, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
        span = f"from={int(since.timestamp())}&to={int(until.timestamp())}"
        for page in range(MOST_PAGES_MADE):
            entries = self._page(f"refunds?{span}&count={_PAGE}&skip={page * _PAGE}")
            yield [_made(entry) for entry in entries]
            if len(entries) < _PAGE:
                return
        raise RazorpayError("The list of refunds does not end.")

    def _page(self, path: str) -> list[dict[str, Any]]:
        answer = self.wire.get(path, "collection")
        if answer["count"] != len(answer["items"]):
            raise RazorpayError("The list of refunds is not complete.")
        return list(answer["items"])

    def _refused(self, request: RefundRequest, reply: Reply, *, now: datetime) -> Answer:
        """A no is believed only when the payment says why. Read it before its refunds: what is
        paid in between shows in the list."""
        said = said_in(as_object(reply))
        payment = self._payment(request.payment_ref)
        if payment is None:
            return _not_known(said)
        listed = self.list_refunds(request.payment_ref, now=now)
        if answer := find_in(listed, request):
            return answer
        if behind := if_behind(listed, payment["amount_refunded"] or 0):
            return behind  # by whom it was refunded, no list shows yet: perhaps by us
        paid_at = datetime.fromtimestamp(payment["created_at"], tz=now.tzinfo)
        if payment["status"] not in ("captured", "refunded"):
            reason = "The payment was never captured."
        elif live_minor(listed) + request.amount_minor > payment["amount"]:
            reason = "Already refunded elsewhere."
        elif now - paid_at > REFUNDABLE_FOR:
            reason = "The payment is too old to be refunded."
        else:
            doubt = Doubt.REFUSED_FOR_GOOD if is_replayed(reply.headers) else Doubt.REFUSED
            message = f"Razorpay refused it. ({said})"
            return Answer(Status.UNKNOWN, message=message[:400], doubt=doubt)
        return Answer(Status.DECLINED, message=f"{reason} ({said})"[:400])

    def _payment(self, ref: str) -> dict[str, Any] | None:
        """None when Razorpay refuses to show it: nothing but its id is asked, so that is wrong."""
        try:
            return dict(self.wire.get(path_of(ref), "payment"))
        except RazorpayError as error:
            if error.reply is None or not is_own_refusal(error.reply):
                raise
            return None

    def _returned_minor(self, ref: str) -> int:
        """What the payment itself says went back; 0 when it cannot be read. It is more than is
        needed: without it an absence is believed by its age alone."""
        try:
            return int((self._payment(ref) or {})["amount_refunded"] or 0)
        except Exception:  # an old list is no reason to stop
            return 0


_NO_REFERENCE = Answer(
    Status.UNKNOWN,
    message="The reference of this payment is not one of Razorpay's.",
    doubt=Doubt.NO_SUCH_PAYMENT,
)


def _not_known(said: str) -> Answer:
    message = (
        "Razorpay does not know this payment; it may belong to another account, or to the other "
        f"mode (test or live) of this one. ({said})"
    )
    return Answer(Status.UNKNOWN, message=message[:400], doubt=Doubt.NO_SUCH_PAYMENT)


def _no_answer(reply: Reply, found: dict[str, Any], *, now: datetime) -> Answer:
    is_failure = reply.status >= 500 and "error" in found
    return Answer(
        Status.UNKNOWN,
        message=why(reply, found)[:400],
        retry_after=retry_after(reply.headers, now=now),
        doubt=Doubt.FAILED_INSIDE if is_failure else Doubt.NONE,
    )


def _made(refund: dict[str, Any]) -> MadeRefund:
    listed = _listed(refund)
    return MadeRefund(listed.provider_refund_id, (refund["payment_id"],), listed.refund_uuid)


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
