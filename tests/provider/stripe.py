"""Stripe's URLs over the books: form in, JSON out, a key per call."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any, Literal

from tests.provider.books import Books, NotRefundable, new_id
from tests.provider.calls import Call, Refusal, Reply
from tests.provider.faults import Fault
from tests.provider.keys import IdempotencyKeys
from tests.provider.store import Doc

WHY = {
    "disputed": ("charge_disputed", "The charge is disputed."),
    "refunded": ("charge_already_refunded", "The charge has already been refunded."),
    "uncaptured": ("payment_intent_unexpected_state", "The payment was not captured."),
    "exceeds": ("", "The amount is greater than what is left of the charge."),
}


ANY_TIME = (("gte", 0), ("lte", 1e12))


class StripeShape:
    provider = "stripe"

    def __init__(self, books: Books, *, secret_key: str) -> None:
        self.books, self.keys = books, IdempotencyKeys(books)
        self.secret_key = secret_key

    def is_allowed(self, call: Call) -> bool:
        """As a bearer, or as the user of basic authentication with no password."""
        basic = b64encode(f"{self.secret_key}:".encode()).decode()
        right = (f"Bearer {self.secret_key}", f"Basic {basic}")
        return call.headers.get("authorization", "") in right

    def error(self, status: int, code: str, message: str = "", param: str = "") -> Doc:
        kind = "api_error" if status >= 500 else "invalid_request_error"
        if status == 409 or code == "other_params":
            kind = "idempotency_error"
        shown = {} if code in ("", "other_params", "api_error", "rate_limit") else {"code": code}
        shown |= {"param": param} if param else {}
        words = message or code.replace("_", " ").capitalize() + "."
        return {"error": {"type": kind, "message": words, **shown}}

    def answer(self, call: Call, fault: Fault) -> Reply:
        if call.method == "POST" and (
            ended := re.fullmatch(r"/v1/checkout/sessions/([^/]+)/expire", call.path)
        ):
            return self._expire(ended[1])
        match = re.fullmatch(r"/v1/([a-z_/]+?)(?:/([a-z]+_[A-Za-z0-9_]+))?", call.path)
        name, key = (match[1], match[2] or "") if match else ("", "")
        if call.method == "POST" and not key and name in ("refunds", "checkout/sessions"):
            return self._post(name, call, fault)
        if call.method != "GET":
            raise self._missing(call.path)
        if name == "refunds" and not key:
            return self._list(call)
        found = self._one(name, key)
        if "latest_charge" in found and "latest_charge" not in call.query.values():  # expand[0]=…
            found["latest_charge"] = found["latest_charge"]["id"]
        return Reply(200, found)

    def _post(self, name: str, call: Call, fault: Fault) -> Reply:
        key = call.headers.get("idempotency-key", "")
        if len(key) > 255:
            raise self._invalid("The key is longer than 255 characters.")
        form = call.form()
        work = self._refund if name == "refunds" else self._session

        def conflict(what: Literal["other", "running"]) -> Reply:
            if what == "running":
                return Reply(409, self.error(409, "idempotency_key_in_use"))
            words = "The key was used with other parameters."
            return Reply(400, self.error(400, "other_params", words))

        return self.keys.answer(
            key,
            call,
            lambda: fault.around(lambda: work(form, call, fault), self.error),
            conflict=conflict,
            before=fault.before,
        )

    # --- refunds ----------------------------------------------------------------------------

    def _refund(self, form: Doc, call: Call, fault: Fault) -> Reply:
        amount = self._amount(form["amount"], "amount") if "amount" in form else None
        payment = self._payment_in(form)
        try:
            refund = self.books.refund(
                payment,
                amount,
                metadata=form.get("metadata") or {},
                key=call.headers.get("idempotency-key", ""),
                **fault.outcome(self.books.now()),
            )
        except NotRefundable as no:
            code, message = WHY[no.why]
            param = "amount" if no.why == "exceeds" else ""
            answer = Reply(400, self.error(400, code, message, param))
            raise Refusal(answer, is_stored=True) from no
        return Reply(200, self.refund_json(refund))

    def _list(self, call: Call) -> Reply:
        if call.query.keys() & {"payment_intent", "charge"}:
            found = self.books.listed(self._payment_in(call.query)["id"])
        else:
            since, until = (float(call.query.get(f"created[{n}]", d)) for n, d in ANY_TIME)
            found = self.books.made("stripe", since, until)
        ids = [doc["id"] for doc in found]
        if after := call.query.get("starting_after"):
            found = found[ids.index(after) + 1 :] if after in ids else []
        limit = int(call.query.get("limit", 10))
        data = [self.refund_json(doc) for doc in found[:limit]]
        page = {"object": "list", "url": call.path, "has_more": len(found) > limit, "data": data}
        return Reply(200, page)

    # --- payments and checkout ----------------------------------------------------------------

    def _one(self, name: str, key: str) -> Doc:
        if name == "refunds" and (refund := self.books.refund_of("stripe", key)):
            return self.refund_json(refund)
        if name == "payment_intents":
            return self.payment_json(self._payment(key))
        if name == "charges":
            return self.payment_json(self._payment(key))["latest_charge"]  # type: ignore[no-any-return]
        if name == "disputes" and (dispute := self.books.dispute_of("stripe", key)):
            return self.dispute_json(dispute)
        if name == "checkout/sessions" and (session := self.books.store.all("order").get(key)):
            return session
        raise self._missing(f"{name}/{key}")

    def _session(self, form: Doc, call: Call, fault: Fault) -> Reply:
        lines = form.get("line_items") or {}
        price = [line.get("price_data", {}) for line in lines.values()]
        counts = [int(line.get("quantity", 1)) for line in lines.values()]
        if not price or form.get("mode") != "payment" or not form.get("success_url"):
            raise self._invalid("mode=payment, line_items and success_url are needed.")
        amounts = [self._amount(one.get("unit_amount", ""), "unit_amount") for one in price]
        session: Doc = {
            "id": (key := new_id("stripe", "order")),
            "object": "checkout.session",
            "mode": "payment",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": sum(a * n for a, n in zip(amounts, counts, strict=True)),
            "currency": str(price[0].get("currency", "")).lower(),
            "client_reference_id": form.get("client_reference_id"),
            "customer_email": form.get("customer_email"),
            "metadata": form.get("metadata") or {},
            "success_url": form["success_url"],
            "cancel_url": form.get("cancel_url"),
            "created": int(self.books.now()),
            "expires_at": int(self.books.now()) + 86400,
            "livemode": False,
            "url": f"{call.base_url}/pay/{key}",
        }
        return Reply(200, self.books.store.save("order", key, session))

    def _expire(self, key: str) -> Reply:
        with self.books.store.work():
            session = self.books.store.all("order").get(key)
            if session is None:
                raise self._missing(key)
            if session["status"] != "open":
                raise self._invalid("Only an open session can be expired.")
            ended = {**session, "status": "expired", "url": None}
            return Reply(200, self.books.store.save("order", key, ended))

    # --- what Stripe shows of the books -----------------------------------------------------

    def refund_json(self, refund: Doc) -> Doc:
        state = self.books.state(refund)
        is_done = state == "succeeded"
        return {
            "id": refund["id"],
            "object": "refund",
            "amount": refund["amount"],
            "currency": refund["currency"].lower(),
            **names_of(refund["payment"]),
            "created": int(refund["created"]),
            "metadata": refund["metadata"],
            "reason": None,
            "status": state,
            **({"failure_reason": "expired_or_canceled_card"} if state == "failed" else {}),
            **({"pending_reason": "processing"} if state == "pending" else {}),
            "destination_details": {
                "type": "card",
                "card": {
                    "type": "refund" if is_done else "pending",
                    "reference_status": "available" if is_done else "pending",
                    "reference": "STR" + refund["id"][-12:].upper() if is_done else None,
                },
            },
        }

    def dispute_json(self, dispute: Doc) -> Doc:
        return {
            "id": dispute["id"],
            "object": "dispute",
            "amount": dispute["amount"],
            "currency": dispute["currency"].lower(),
            **names_of(dispute["payment"]),
            "created": int(dispute["created"]),
            "status": {"open": "needs_response"}.get(dispute["status"], dispute["status"]),
        }

    def payment_json(self, payment: Doc) -> Doc:
        amount, got = payment["amount"], payment["amount"] if payment["captured"] else 0
        returned = self.books.shown_returned(payment["id"])
        return {
            "id": payment["id"],
            "object": "payment_intent",
            "amount": amount,
            "amount_received": got,
            "currency": payment["currency"].lower(),
            "status": "succeeded" if payment["captured"] else "requires_capture",
            "metadata": payment["metadata"],
            "created": int(payment["created"]),
            "livemode": False,
            "latest_charge": {
                "id": names_of(payment["id"])["charge"],
                "object": "charge",
                "amount": amount,
                "amount_captured": got,
                "amount_refunded": returned,
                "refunded": returned == amount,
                "disputed": bool(payment["dispute"]),
                "payment_intent": names_of(payment["id"])["payment_intent"],
                "payment_method_details": {
                    "type": "card",
                    "card": {"brand": "visa", "last4": "4242"},
                },
            },
        }

    # --- refusals ---------------------------------------------------------------------------

    def _payment_in(self, given: Doc) -> Doc:
        """An id counts only under the name of its own kind."""
        for name in ("charge", "payment_intent"):
            if key := str(given.get(name) or ""):
                if key.startswith("pi_") is (name == "payment_intent"):
                    return self._payment(key)
                raise self._missing(key, name)
        raise self._invalid("payment_intent or charge is needed.")

    def _payment(self, key: str) -> Doc:
        of_card = "pi_" + key.removeprefix("ch_") if key.startswith("ch_") else key
        if found := self.books.payment("stripe", of_card):
            return found
        raise self._missing(key, "payment_intent" if key.startswith("pi_") else "charge")

    def _amount(self, text: Any, name: str) -> int:
        if not (str(text).isdecimal() and 0 < int(str(text)[:12]) < 10**11):
            raise self._invalid("Not a positive whole number.", name)
        return int(text)

    def _invalid(self, message: str, param: str = "") -> Refusal:
        return Refusal(Reply(400, self.error(400, "parameter_invalid_integer", message, param)))

    def _missing(self, what: str, param: str = "") -> Refusal:
        words = f"There is no {param or 'object'} {what!r}."
        return Refusal(Reply(404, self.error(404, "resource_missing", words, param)))


def names_of(payment_id: str) -> Doc:
    """A payment without a card is a charge, py_…, that may have no payment intent."""
    if payment_id.startswith("py_"):
        return {"payment_intent": None, "charge": payment_id}
    return {"payment_intent": payment_id, "charge": "ch_" + payment_id.partition("_")[2]}
