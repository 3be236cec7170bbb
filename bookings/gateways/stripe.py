"""Stripe, by its SDK over our own HTTP client, with the SDK's retries and telemetry off.

Refunds: `payment_ref` is a payment intent (`pi_…`) or a charge (`ch_…`, `py_…`). States, codes and
the meaning of the idempotency key are described in docs/providers.md.

Paying: one Checkout session for one call, by card, captured at once. Cards only (and the wallets
that stand for one): ways to pay that take days would keep a time from everybody else, and may fail
after the call.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

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
from bookings.gateways.webhooks import INQUIRIES
from bookings.models import Provider

stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)  # else a line or two for each call

_STATUS = {
    "pending": Status.ACCEPTED,
    "requires_action": Status.ACCEPTED,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.REVERSED,
    "canceled": Status.REVERSED,
}
_REFUSALS = {
    "charge_disputed": "The payment is disputed at the bank.",
    "refund_disputed_payment": "The payment is disputed at the bank.",
    "charge_not_refundable": "The payment can no longer be refunded.",
    "payment_intent_unexpected_state": "The payment was never captured.",
    "amount_too_small": "The amount is too small to be refunded.",
}
_DISPUTES: dict[str, DisputeStatus] = {
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "prevented": "won",
    "lost": "lost",
}
_PAGE = 100
_MOST_PAGES = 20
OPEN_FOR = timedelta(hours=1)
"""How long a session can be paid. Stripe asks for 30 minutes at least, and counts from when it gets
to hear of it."""


@dataclass(frozen=True, kw_only=True)
class StripeGateway:
    api_base: str
    secret_key: str
    read_seconds: float = READ_SECONDS
    ask: Ask = exchange
    is_remote = True

    # --- refunds ----------------------------------------------------------------------------------

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        wire = _Wire(self)
        params: Any = {
            **_payment(request.payment_ref),
            "amount": request.amount_minor,
            "metadata": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
        }
        try:
            refund = wire.services.refunds.create(
                params, {"idempotency_key": request.idempotency_key}
            )
        except stripe.StripeError as error:
            if wire.reply and wire.reply.status in (400, 402) and error.error is not None:
                return self._refused(request, error, wire.reply, now=now)
            return _no_answer(error, wire.reply, now=now)
        return answer_of(_listed(refund.to_dict()), request, is_new=True)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        wire = _Wire(self)
        try:
            listed = self._list(request.payment_ref, wire)
        except stripe.StripeError as error:
            answer = _no_answer(error, wire.reply, now=now)
            is_failure = answer.doubt == Doubt.FAILED_INSIDE  # of the list, not of our key
            return replace(answer, doubt=Doubt.NONE) if is_failure else answer
        if found := find_in(listed, request):
            return found
        return if_behind(listed, self._returned_minor(request.payment_ref))

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        return self._list(payment_ref, _Wire(self))

    def _list(self, payment_ref: str, wire: _Wire) -> list[ListedRefund]:
        params: Any = {**_payment(payment_ref), "limit": _PAGE}
        found: list[ListedRefund] = []
        for _ in range(_MOST_PAGES):
            page = _page_of(wire.services.refunds.list(params))
            found += [_listed(entry) for entry in page["data"]]
            if not page["has_more"]:
                return found
            params["starting_after"] = found[-1].provider_refund_id
        raise ValueError("Stripe's list of refunds does not end.")

    def refunds_made(self, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
        params: Any = {
            "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
            "limit": _PAGE,
        }
        for _ in range(MOST_PAGES_MADE):
            page = _page_of(_Wire(self).services.refunds.list(params))
            made = [_made(entry) for entry in page["data"]]
            yield made
            if not page["has_more"]:
                return
            params["starting_after"] = made[-1].provider_refund_id
        raise ValueError("Stripe's list of refunds does not end.")

    def _refused(
        self, request: RefundRequest, error: stripe.StripeError, reply: Reply, *, now: datetime
    ) -> Answer:
        """A no is believed only after looking: the refund may be one we asked for before."""
        listed = self.list_refunds(request.payment_ref, now=now)
        if answer := find_in(listed, request):
            return answer
        code = _code(error)
        said = f"{code or 'no code'}: {error.user_message}"
        if reason := _REFUSALS.get(code):
            return Answer(Status.DECLINED, message=f"{reason} ({said})"[:400])
        if live_minor(listed) + request.amount_minor > self._captured_minor(request.payment_ref):
            return Answer(Status.DECLINED, message=f"Already refunded elsewhere. ({said})"[:400])
        if code == "charge_already_refunded":  # by whom, no list shows yet: perhaps by us
            return Answer(Status.UNKNOWN, message=f"The list of refunds is behind. ({said})"[:400])
        doubt = Doubt.REFUSED_FOR_GOOD if is_replayed(reply.headers) else Doubt.REFUSED
        return Answer(Status.UNKNOWN, message=f"Stripe refused it. ({said})"[:400], doubt=doubt)

    def _captured_minor(self, ref: str) -> int:
        services = _Wire(self).services
        if _is_charge(ref):
            return services.charges.retrieve(ref).amount_captured
        return services.payment_intents.retrieve(ref).amount_received

    def _returned_minor(self, ref: str) -> int:
        """What the charge itself says went back; 0 when it cannot be read. It is more than is
        needed: without it an absence is believed by its age alone."""
        services = _Wire(self).services
        try:
            if _is_charge(ref):
                return services.charges.retrieve(ref).amount_refunded
            params: Any = {"expand": ["latest_charge"]}
            intent = services.payment_intents.retrieve(ref, params).to_dict()
            return int(intent["latest_charge"]["amount_refunded"])
        except Exception:  # an old list is no reason to stop
            return 0

    # --- disputes ---------------------------------------------------------------------------------

    def fetch_dispute(self, dispute_id: str, *, currency: str) -> Dispute | None:
        found = _Wire(self).services.disputes.retrieve(dispute_id).to_dict()
        if found.get("object") != "dispute":
            raise ValueError("Stripe's answer is not a dispute.")
        if found["status"] in INQUIRIES:
            return None
        return Dispute.read(
            (found.get("payment_intent"), found.get("charge")),
            _DISPUTES[found["status"]],
            found["amount"],
            is_ours=found["currency"].upper() == currency,
        )

    # --- being paid -------------------------------------------------------------------------------

    def open(self, order: Order) -> Opened:
        if refused := why_not(Provider.STRIPE, order.amount_minor, order.currency):
            raise NotTaken(refused)
        metadata = {"checkout": order.key}
        price = {
            "currency": order.currency.lower(),
            "unit_amount": order.amount_minor,
            "product_data": {"name": order.title},
        }
        params: Any = {
            "mode": "payment",
            "payment_method_types": ["card"],
            "line_items": [{"price_data": price, "quantity": 1}],
            "customer_email": order.email,
            "client_reference_id": order.key,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "expires_at": int((order.created_at + OPEN_FOR).timestamp()),
        }
        try:
            session = _Wire(self).services.checkout.sessions.create(
                params, {"idempotency_key": f"co_{order.key}"}
            )
        except stripe.InvalidRequestError as error:
            raise NotTaken(f"{error.code or 'no code'}: {error.user_message}") from error
        if not (session.url or "").startswith(("https://", "http://")):
            raise ValueError("Stripe's session has no page to pay on.")
        return Opened(session.id, str(session.url))

    def paid(self, provider_ref: str) -> list[Paid]:
        services = _Wire(self).services
        session = services.checkout.sessions.retrieve(provider_ref).to_dict()
        if session.get("object") != "checkout.session":
            raise ValueError("Stripe's answer is not a session.")
        if session["payment_status"] != "paid" or not session["payment_intent"]:
            return []
        params: Any = {"expand": ["latest_charge"]}
        intent = services.payment_intents.retrieve(session["payment_intent"], params).to_dict()
        if intent["status"] != "succeeded":
            return []
        return [
            Paid(
                provider_ref=intent["id"],
                amount_minor=intent["amount_received"],
                currency=intent["currency"].upper(),
                method=_method(intent.get("latest_charge")),
                paid_at=datetime.fromtimestamp(intent["created"], tz=UTC),
            )
        ]

    def close(self, provider_ref: str) -> None:
        _Wire(self).services.checkout.sessions.expire(provider_ref)


def _payment(ref: str) -> dict[str, str]:
    return {"charge" if _is_charge(ref) else "payment_intent": ref}


def _is_charge(ref: str) -> bool:
    """Whatever is not a payment intent."""
    return not ref.startswith("pi_")


def _code(error: stripe.StripeError) -> str:
    return str((error.error and error.error.code) or "")


def _no_answer(error: stripe.StripeError, reply: Reply | None, *, now: datetime) -> Answer:
    status = reply.status if reply else 0
    message = f"{type(error).__name__} {status or ''}: {error.user_message}"
    doubt = Doubt.FAILED_INSIDE if status >= 500 and error.error is not None else Doubt.NONE
    if status in (401, 403):
        message = f"STRIPE_SECRET_KEY is wrong or may not refund: {message}"
    if status == 404 and _code(error) == "resource_missing":
        doubt = Doubt.NO_SUCH_PAYMENT
        message = (
            "Stripe does not know this payment; it may belong to another account, or to the "
            f"other mode (test or live) of this one. ({error.user_message})"
        )
    return Answer(
        Status.UNKNOWN,
        message=message[:400],
        retry_after=retry_after(reply.headers, now=now) if reply else None,
        doubt=doubt,
    )


def _page_of(answer: Any) -> dict[str, Any]:
    """An answer without entries must say so itself; the SDK takes {} for an empty list."""
    page: dict[str, Any] = answer.to_dict()
    if page.get("object") != "list" or not isinstance(page.get("has_more"), bool):
        raise ValueError("Stripe's answer is not a list of refunds.")
    return page


def _made(refund: dict[str, Any]) -> MadeRefund:
    names = (refund.get("payment_intent"), refund.get("charge"))
    return MadeRefund(
        provider_refund_id=_listed(refund).provider_refund_id,
        payment_refs=tuple(name for name in names if isinstance(name, str)),
        refund_uuid=_listed(refund).refund_uuid,
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


def _method(charge: Any) -> str:
    details = charge.get("payment_method_details") if isinstance(charge, dict) else None
    card = (details or {}).get("card") or {}
    if not card.get("last4"):
        return "Card"
    return f"{str(card.get('brand') or 'card').title()} ending {card['last4']}"[:60]


class _Wire(stripe.HTTPClient):
    """Our HTTP call under the SDK, so that time-outs and sizes are ours. For one thread. It keeps
    the reply: the SDK drops the headers of an HTML one."""

    name = "urllib3"

    def __init__(self, gateway: StripeGateway) -> None:
        super().__init__()
        self.ask, self.read_seconds = gateway.ask, gateway.read_seconds
        self.reply: Reply | None = None
        client = stripe.StripeClient(
            gateway.secret_key,
            base_addresses={"api": gateway.api_base},
            max_network_retries=0,
            http_client=self,
        )
        self.services = client.v1

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        self.reply = None
        try:
            self.reply = self.ask(
                method, url, headers=headers or {}, body=post_data, read_seconds=self.read_seconds
            )
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]
        return self.reply.body.decode(errors="replace"), self.reply.status, self.reply.headers
