"""Refunds through Razorpay, by HTTP: its SDK has no time-out and drops the HTTP status.

Nearly every refusal is `BAD_REQUEST_ERROR` with prose, and prose is not read: after any 400 the
payment and its refunds say what is so. See docs/providers.md.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from bookings.gateways.exchange import READ_SECONDS, Reply, exchange, retry_after
from bookings.gateways.listing import answer_of, find_in, live_minor
from bookings.gateways.port import Answer, ListedRefund, RefundRequest, Status

_STATUS = {
    "pending": Status.ACCEPTED,
    "processed": Status.SUCCEEDED,
    "failed": Status.REVERSED,
}
_PAGE = 100
_MOST_PAGES = 20
REFUNDABLE_FOR = timedelta(days=183)
"""Razorpay refuses refunds of payments older than six months."""


class RazorpayError(Exception):
    """A call other than the refund itself that was not answered with what was asked for."""


class RazorpayGateway:
    def __init__(
        self, *, api_base: str, key_id: str, key_secret: str, read_seconds: float = READ_SECONDS
    ) -> None:
        self.api_base, self.read_seconds = api_base, read_seconds
        self.credentials = b64encode(f"{key_id}:{key_secret}".encode()).decode()

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        reply = self._call(
            "POST",
            f"payments/{quote(request.payment_ref, safe='')}/refund",
            body={
                "amount": request.amount_minor,
                "speed": "normal",
                "receipt": request.idempotency_key[:40],
                "notes": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
            },
            key=request.idempotency_key,
        )
        found = _json(reply)
        if reply.status == 400 and "error" in found:
            return self._refused(request, _said(found), now=now)
        if reply.status in (200, 201):
            return answer_of(_listed(found), request, is_new=True)
        return _no_answer(reply, found, now=now)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        return find_in(self.list_refunds(request.payment_ref, now=now), request)

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        path = f"payments/{quote(payment_ref, safe='')}/refunds"
        found: dict[str, ListedRefund] = {}
        for page in range(_MOST_PAGES):
            answer = self._get(f"{path}?count={_PAGE}&skip={page * _PAGE}", "collection")
            entries = [_listed(entry) for entry in answer["items"]]
            # A refund made while we turn pages moves the others down: seen twice, never missed.
            found |= {entry.provider_refund_id: entry for entry in entries}
            if len(entries) < _PAGE:
                return list(found.values())
        raise RazorpayError("The list of refunds does not end.")

    def _refused(self, request: RefundRequest, said: str, *, now: datetime) -> Answer:
        """A no is believed only when the payment says why. Read it before its refunds: what is
        paid in between shows in the list."""
        payment = self._get(f"payments/{quote(request.payment_ref, safe='')}", "payment")
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

    def _get(self, path: str, entity: str) -> Any:
        reply = self._call("GET", path)
        found = _json(reply)
        if reply.status != 200 or found.get("entity") != entity:
            raise RazorpayError(_why(reply, found))
        return found

    def _call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str = ""
    ) -> Reply:
        headers = {"Authorization": f"Basic {self.credentials}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "X-Refund-Idempotency": key}
        return exchange(
            method,
            f"{self.api_base}/v1/{path}",
            headers=headers,
            body=None if body is None else json.dumps(body, sort_keys=True),
            read_seconds=self.read_seconds,
        )


def _json(reply: Reply) -> dict[str, Any]:
    """The answer as an object; {} when it is none, which no caller takes for one."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _said(found: dict[str, Any]) -> str:
    error = found.get("error")
    error = error if isinstance(error, dict) else {}
    return f"{error.get('code', '')}: {error.get('description', '')}"[:400]


def _why(reply: Reply, found: dict[str, Any]) -> str:
    said = _said(found) if "error" in found else "no sensible answer"
    if reply.status in (401, 403):
        return f"RAZORPAY_KEY_ID or _SECRET is wrong or may not refund: {reply.status} {said}"
    return f"Razorpay answered {reply.status}: {said}"


def _no_answer(reply: Reply, found: dict[str, Any], *, now: datetime) -> Answer:
    return Answer(
        Status.UNKNOWN,
        message=_why(reply, found)[:400],
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
