"""Refunds through Stripe: the SDK over our own HTTP client, its retries and telemetry off.

`payment_ref` is a payment intent (or a charge, `ch_…`). States, codes and the meaning of the
idempotency key are described in docs/providers.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import stripe

from bookings.gateways.exchange import READ_SECONDS, Ask, Reply, exchange, retry_after
from bookings.gateways.listing import answer_of, find_in, live_minor
from bookings.gateways.port import Answer, ListedRefund, RefundRequest, Status
from bookings.gateways.stripe_wire import Wire

_STATUS = {
    "pending": Status.ACCEPTED,
    "requires_action": Status.ACCEPTED,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.REVERSED,
    "canceled": Status.REVERSED,
}
_REFUSALS = {
    "charge_already_refunded": "Already refunded elsewhere.",
    "charge_disputed": "The payment is disputed at the bank.",
    "refund_disputed_payment": "The payment is disputed at the bank.",
    "charge_not_refundable": "The payment can no longer be refunded.",
    "payment_intent_unexpected_state": "The payment was never captured.",
    "amount_too_small": "The amount is too small to be refunded.",
}
_PAGE = 100
_MOST_PAGES = 20


@dataclass(frozen=True, kw_only=True)
class StripeGateway:
    api_base: str
    secret_key: str
    read_seconds: float = READ_SECONDS
    ask: Ask = exchange
    is_remote = True

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        wire = Wire(self.read_seconds, self.ask)
        params: Any = {
            **_payment(request.payment_ref),
            "amount": request.amount_minor,
            "metadata": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
        }
        try:
            refund = self._client(wire).v1.refunds.create(
                params, {"idempotency_key": request.idempotency_key}
            )
        except stripe.InvalidRequestError as error:
            return self._refused(request, error, now=now)
        except stripe.StripeError as error:
            return _no_answer(error, wire.reply, now=now)
        return answer_of(_listed(refund.to_dict()), request, is_new=True)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        wire = Wire(self.read_seconds, self.ask)
        try:
            return find_in(self._list(request.payment_ref, wire), request)
        except stripe.StripeError as error:
            return replace(_no_answer(error, wire.reply, now=now), is_stored_failure=False)

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        return self._list(payment_ref, Wire(self.read_seconds, self.ask))

    def _list(self, payment_ref: str, wire: Wire) -> list[ListedRefund]:
        client = self._client(wire)
        params: Any = {**_payment(payment_ref), "limit": _PAGE}
        found: list[ListedRefund] = []
        for _ in range(_MOST_PAGES):
            page = client.v1.refunds.list(params).to_dict()
            # An answer without entries must say so itself; the SDK takes {} for an empty list.
            if page.get("object") != "list" or not isinstance(page.get("has_more"), bool):
                raise ValueError("Stripe's answer is not a list of refunds.")
            found += [_listed(entry) for entry in page["data"]]
            if not page["has_more"]:
                return found
            params["starting_after"] = found[-1].provider_refund_id
        raise ValueError("Stripe's list of refunds does not end.")

    def _client(self, wire: Wire) -> stripe.StripeClient:
        return wire.client(api_base=self.api_base, secret_key=self.secret_key)

    def _refused(
        self, request: RefundRequest, error: stripe.InvalidRequestError, *, now: datetime
    ) -> Answer:
        """A no is believed only after looking: the refund may be one we asked for before."""
        if error.http_status == 404:
            message = "Stripe does not know this payment: keys of another account or mode?"
            return Answer(Status.UNKNOWN, message=message)
        listed = self.list_refunds(request.payment_ref, now=now)
        if answer := find_in(listed, request):
            return answer
        said = f"{error.code or 'no code'}: {error.user_message}"
        if reason := _REFUSALS.get(error.code or ""):
            return Answer(Status.DECLINED, message=f"{reason} ({said})"[:400])
        if live_minor(listed) + request.amount_minor > self._captured_minor(request.payment_ref):
            return Answer(Status.DECLINED, message=f"Already refunded elsewhere. ({said})"[:400])
        return Answer(Status.UNKNOWN, message=said[:400])

    def _captured_minor(self, payment_ref: str) -> int:
        services = self._client(Wire(self.read_seconds, self.ask)).v1
        if payment_ref.startswith("ch_"):
            return services.charges.retrieve(payment_ref).amount_captured
        return services.payment_intents.retrieve(payment_ref).amount_received


def _payment(ref: str) -> dict[str, str]:
    return {"charge" if ref.startswith("ch_") else "payment_intent": ref}


def _no_answer(error: stripe.StripeError, reply: Reply | None, *, now: datetime) -> Answer:
    status = reply.status if reply else 0
    message = f"{type(error).__name__} {status or ''}: {error.user_message}"
    if status in (401, 403):
        message = f"STRIPE_SECRET_KEY is wrong or may not refund: {message}"
    return Answer(
        Status.UNKNOWN,
        message=message[:400],
        retry_after=retry_after(reply.headers, now=now) if reply else None,
        is_stored_failure=status >= 500 and error.error is not None,
    )


def _listed(refund: dict[str, Any]) -> ListedRefund:
    if refund.get("object") != "refund":
        raise ValueError("Stripe's answer is not a refund.")
    metadata = refund.get("metadata") or {}
    ways = refund.get("destination_details") or {}
    way = ways.get(ways.get("type")) or {}
    why = refund.get("failure_reason") or refund.get("pending_reason") or ""
    return ListedRefund(
        provider_refund_id=refund["id"],
        amount_minor=refund["amount"],
        currency=refund["currency"].upper(),
        status=_STATUS.get(refund["status"], Status.UNKNOWN),
        refund_uuid=metadata.get("refund_uuid", ""),
        idempotency_key=metadata.get("key", ""),
        reference=way.get("reference") or "",
        message=str(why),
    )
