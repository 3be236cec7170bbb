"""Razorpay, by HTTP: its SDK has no time-out and drops the HTTP status.

Refunds: nearly every refusal is `BAD_REQUEST_ERROR` with prose, and prose is not read. After any
400 the payment and its refunds say what is so. See docs/providers.md.

Paying: an order, paid on their hosted page, captured at once. It goes without their script: a form
of ours posts to the hosted checkout, which posts back to us. What is only authorised would be
returned by Razorpay after some days, so it is captured when seen.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.gateways.exchange import (
    READ_SECONDS,
    Ask,
    Reply,
    exchange,
    is_replayed,
    retry_after,
)
from bookings.gateways.port import (
    MOST_PAGES_MADE,
    Answer,
    Dispute,
    DisputeStatus,
    Doubt,
    ListedRefund,
    MadeRefund,
    NotTaken,
    Opened,
    Order,
    Paid,
    RefundRequest,
    Status,
    answer_of,
    find_in,
    if_behind,
    live_minor,
)
from bookings.gateways.requirements import why_not
from bookings.models import Provider

HOSTED_CHECKOUT = "/v1/checkout/embedded"
CAPTURED = ("captured", "refunded")
_STATUS = {
    "pending": Status.ACCEPTED,
    "processed": Status.SUCCEEDED,
    "failed": Status.REVERSED,
}
_DISPUTES: dict[str, DisputeStatus] = {
    "open": "open",
    "under_review": "open",
    "won": "won",
    "closed": "won",
    "lost": "lost",
}
_PAGE = 100
_MOST_PAGES = 20
REFUNDABLE_FOR = timedelta(days=183)
"""Razorpay refuses refunds of payments older than six months."""


class RazorpayError(Exception):
    """A call other than the refund itself that was not answered with what was asked for."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


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
        self.base, self.read_seconds, self.ask = f"{api_base}/v1", read_seconds, ask
        self.credentials = b64encode(f"{key_id}:{key_secret}".encode()).decode()

    # --- refunds ----------------------------------------------------------------------------------

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        if not _is_reference(request.payment_ref):
            return _NO_REFERENCE
        path = _path_of("payments", request.payment_ref)
        reply = self._call(
            "POST",
            f"{path}/refund",
            body={
                "amount": request.amount_minor,
                "speed": "normal",
                "receipt": request.idempotency_key[:40],
                "notes": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
            },
            key=request.idempotency_key,
        )
        found = _as_object(reply)
        if _is_own_refusal(reply):
            return self._refused(request, reply, now=now)
        if reply.status in (200, 201):
            return answer_of(_listed(found), request, is_new=True)
        return _no_answer(reply, found, now=now)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        if not _is_reference(request.payment_ref):
            return _NO_REFERENCE
        try:
            listed = self.list_refunds(request.payment_ref, now=now)
        except RazorpayError as error:
            if error.reply is None:
                raise
            if _is_own_refusal(error.reply) and self._payment(request.payment_ref) is None:
                return _not_known(_said_in(_as_object(error.reply)))
            answer = _no_answer(error.reply, _as_object(error.reply), now=now)
            return replace(answer, doubt=Doubt.NONE)  # of the list, not of our key
        if found := find_in(listed, request):
            return found
        return if_behind(listed, self._returned_minor(request.payment_ref))

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        path = _path_of("payments", payment_ref)
        found: dict[str, ListedRefund] = {}
        for page in range(_MOST_PAGES):
            entries = list(
                map(_listed, self._page(f"{path}/refunds?count={_PAGE}&skip={page * _PAGE}"))
            )
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
        answer = self._get(path, "collection")
        if answer["count"] != len(answer["items"]):
            raise RazorpayError("The list of refunds is not complete.")
        return list(answer["items"])

    def _refused(self, request: RefundRequest, reply: Reply, *, now: datetime) -> Answer:
        """A no is believed only when the payment says why. Read it before its refunds: what is
        paid in between shows in the list."""
        said = _said_in(_as_object(reply))
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
            return dict(self._get(_path_of("payments", ref), "payment"))
        except RazorpayError as error:
            if error.reply is None or not _is_own_refusal(error.reply):
                raise
            return None

    def _returned_minor(self, ref: str) -> int:
        """What the payment itself says went back; 0 when it cannot be read. It is more than is
        needed: without it an absence is believed by its age alone."""
        try:
            return int((self._payment(ref) or {})["amount_refunded"] or 0)
        except Exception:  # an old list is no reason to stop
            return 0

    # --- disputes ---------------------------------------------------------------------------------

    def fetch_dispute(self, dispute_id: str, *, currency: str) -> Dispute | None:
        """A lost one took `amount_deducted`, which may be nothing: we had refunded it before."""
        found = self._get(f"disputes/{dispute_id}", "dispute")
        return Dispute.read(
            (found.get("payment_id"),),
            _DISPUTES[found["status"]],
            found["amount_deducted"],
            is_ours=found["currency"].upper() == currency,
        )

    # --- being paid -------------------------------------------------------------------------------

    def open(self, order: Order) -> Opened:
        if refused := why_not(Provider.RAZORPAY, order.amount_minor, order.currency):
            raise NotTaken(refused)
        reply = self._call(
            "POST",
            "orders",
            body={
                "amount": order.amount_minor,
                "currency": order.currency,
                "receipt": order.key[:40],
                "payment_capture": True,
                "notes": {"checkout": order.key},
            },
        )
        found = _as_object(reply)
        if reply.status == 400 and "error" in found:
            raise NotTaken(_why(reply, found))
        if reply.status not in (200, 201) or found.get("entity") != "order":
            raise RazorpayError(_why(reply, found), reply)
        return Opened(found["id"], "")

    def paid(self, provider_ref: str) -> list[Paid]:
        path = _path_of("orders", provider_ref)
        listed = self._get(f"{path}/payments", "collection")
        payments = [self._captured(payment) for payment in listed["items"]]
        return [_paid(payment) for payment in payments if payment["status"] in CAPTURED]

    def _captured(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Somebody else may have captured it in between: then reading it again says so."""
        if payment["status"] != "authorized":
            return payment
        path = _path_of("payments", payment["id"])
        body = {"amount": payment["amount"], "currency": payment["currency"]}
        self._call("POST", f"{path}/capture", body=body)
        return dict(self._get(path, "payment"))

    def close(self, provider_ref: str) -> None:
        """Razorpay has no such call; what is paid too late is found and sent back."""

    # --- calls: credentials in, an object out, or a reason why not --------------------------------

    def _get(self, path: str, entity: str) -> Any:
        reply = self._call("GET", path)
        found = _as_object(reply)
        if reply.status != 200 or found.get("entity") != entity:
            raise RazorpayError(_why(reply, found), reply)
        return found

    def _call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str = ""
    ) -> Reply:
        headers = {"Authorization": f"Basic {self.credentials}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["X-Refund-Idempotency"] = key
        return self.ask(
            method,
            f"{self.base}/{path}",
            headers=headers,
            body=None if body is None else json.dumps(body, sort_keys=True),
            read_seconds=self.read_seconds,
        )


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
        message=_why(reply, found)[:400],
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


def _paid(payment: dict[str, Any]) -> Paid:
    return Paid(
        provider_ref=payment["id"],
        amount_minor=payment["amount"],
        currency=payment["currency"].upper(),
        method=_method(payment),
        paid_at=datetime.fromtimestamp(payment["created_at"], tz=UTC),
    )


def _method(payment: dict[str, Any]) -> str:
    card = payment.get("card")
    if isinstance(card, dict) and card.get("last4"):
        return f"{card.get('network') or 'Card'} ending {card['last4']}"[:60]
    names = {"upi": "UPI", "emi": "EMI", "netbanking": "Net banking"}
    method = str(payment.get("method") or "")
    return names.get(method, method.replace("_", " ").capitalize())[:60]


def _is_reference(ref: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_-]+", ref))


def _path_of(kind: str, ref: str) -> str:
    """Raises for what is no id: it must not become another path."""
    if not _is_reference(ref):
        raise RazorpayError("The reference is not one of Razorpay's.")
    return f"{kind}/{ref}"


def _as_object(reply: Reply) -> dict[str, Any]:
    """The answer as an object; {} when it is none, which no caller takes for one."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_own_refusal(reply: Reply) -> bool:
    """Of Razorpay itself, not of a machine in between, and of what was asked: not of the keys,
    nor because there was too much at once. Whatever is unknown to it is a 400, too."""
    return reply.status == 400 and isinstance(_as_object(reply).get("error"), dict)


def _said_in(found: dict[str, Any]) -> str:
    error = found.get("error")
    error = error if isinstance(error, dict) else {}
    return f"{error.get('code', '')}: {error.get('description', '')}"[:400]


def _why(reply: Reply, found: dict[str, Any]) -> str:
    said = _said_in(found) if "error" in found else "no sensible answer"
    if reply.status in (401, 403):
        return f"RAZORPAY_KEY_ID or _SECRET is wrong or may not refund: {reply.status} {said}"
    return f"Razorpay answered {reply.status}: {said}"
