"""Razorpay's URLs over the books: JSON both ways, a key only for refunds."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any, Literal

from tests.provider.books import Books, NotRefundable, new_id
from tests.provider.calls import Call, Refusal, Reply
from tests.provider.faults import Fault
from tests.provider.keys import IdempotencyKeys
from tests.provider.store import Doc

LEAST = 100
STATES = {"pending": "pending", "succeeded": "processed", "failed": "failed"}
ROUTES = (
    ("POST", r"orders", "_create_order"),
    ("GET", r"orders/([^/]+)", "_order"),
    ("GET", r"orders/([^/]+)/payments", "_payments_of"),
    ("GET", r"payments/([^/]+)", "_show"),
    ("POST", r"payments/([^/]+)/capture", "_capture"),
    ("POST", r"payments/([^/]+)/refund", "_refund"),
    ("GET", r"payments/([^/]+)/refunds", "_list"),
    ("GET", r"refunds", "_list_all"),
    ("GET", r"payments/([^/]+)/refunds/([^/]+)", "_one"),
    ("GET", r"disputes/([^/]+)", "_dispute"),
)
ANY_TIME = (("from", 0), ("to", 1e12))


class RazorpayShape:
    provider = "razorpay"

    def __init__(self, books: Books, *, key_id: str, key_secret: str) -> None:
        self.books, self.keys = books, IdempotencyKeys(books)
        self.key_id, self.key_secret = key_id, key_secret

    def is_allowed(self, call: Call) -> bool:
        right = b64encode(f"{self.key_id}:{self.key_secret}".encode()).decode()
        return call.headers.get("authorization", "") == f"Basic {right}"

    def error(self, status: int, code: str, message: str = "") -> Doc:
        kind = "SERVER_ERROR" if status >= 500 else "BAD_REQUEST_ERROR"
        words = message or code.replace("_", " ").capitalize() + "."
        more = {"source": "NA", "step": "NA", "reason": "NA", "metadata": {}}
        return {"error": {"code": kind, "description": words, **more}}

    def answer(self, call: Call, fault: Fault) -> Reply:
        for method, pattern, name in ROUTES:
            match = re.fullmatch("/v1/" + pattern, call.path)
            if match and method == call.method:
                return getattr(self, name)(call, fault, *match.groups())  # type: ignore[no-any-return]
        raise self._bad("The requested URL was not found on the server.")

    # --- refunds ----------------------------------------------------------------------------

    def _refund(self, call: Call, fault: Fault, payment_id: str) -> Reply:
        key = call.headers.get("x-refund-idempotency", "")
        if key and not re.fullmatch(r"[A-Za-z0-9_-]{10,}", key):
            raise self._bad("The idempotency key must have 10 letters, digits, - or _.")

        def conflict(what: Literal["other", "running"]) -> Reply:
            if what == "running":
                return Reply(409, self.error(409, "", "The first request is in progress."))
            words = "Different request with the same idempotency key has been processed."
            return Reply(400, self.error(400, "", words))

        return self.keys.answer(
            key,
            call,
            lambda: fault.around(lambda: self._pay_back(call, fault, payment_id, key), self.error),
            conflict=conflict,
            before=fault.before,
        )

    def _pay_back(self, call: Call, fault: Fault, payment_id: str, key: str) -> Reply:
        body = call.json()
        amount = body.get("amount")
        if amount is not None and (type(amount) is not int or amount < LEAST):
            raise self._bad("The amount must be at least INR 1.00")
        payment = self._payment(payment_id)
        if any(
            receipt and receipt == refund["receipt"]
            for refund in self.books.refunds_of(payment["id"])
            for receipt in [body.get("receipt")]
        ):
            raise self._bad("The receipt of this refund was used before.")
        try:
            refund = self.books.refund(
                payment,
                amount,
                metadata=body.get("notes") or {},
                receipt=body.get("receipt"),
                key=key,
                **fault.outcome(self.books.now()),
            )
        except NotRefundable as no:
            words = {
                "uncaptured": "The payment status should be captured for action to be taken",
                "refunded": "The payment has been fully refunded already",
                "exceeds": "The total refund amount is greater than the refund payment amount",
                "disputed": "The refund cannot be made while the payment is disputed",
            }
            raise self._bad(words[no.why]) from no
        return Reply(200, self.refund_json(refund))

    def _list(self, call: Call, fault: Fault, payment_id: str) -> Reply:
        return self._page(call, self.books.listed(self._payment(payment_id)["id"]))

    def _list_all(self, call: Call, fault: Fault) -> Reply:
        since, until = (float(call.query.get(name, any_)) for name, any_ in ANY_TIME)
        return self._page(call, self.books.made("razorpay", since, until))

    def _page(self, call: Call, found: list[Doc]) -> Reply:
        count = min(100, max(1, int(call.query.get("count", 10))))
        skip = int(call.query.get("skip", 0))
        return self._collection([self.refund_json(doc) for doc in found[skip : skip + count]])

    def _one(self, call: Call, fault: Fault, payment_id: str, refund_id: str) -> Reply:
        refund = self.books.refund_of("razorpay", refund_id)
        if refund is None or refund["payment"] != payment_id:
            raise self._bad("The id provided does not exist")
        return Reply(200, self.refund_json(refund))

    def refund_json(self, refund: Doc) -> Doc:
        state = self.books.state(refund)
        arn = "7" + refund["id"][-10:].upper() if state == "succeeded" else None
        return {
            "id": refund["id"],
            "entity": "refund",
            "amount": refund["amount"],
            "currency": refund["currency"],
            "payment_id": refund["payment"],
            "notes": refund["metadata"] or [],  # theirs is a list when empty, too
            "receipt": refund["receipt"],
            "acquirer_data": {"arn": arn},
            "created_at": int(refund["created"]),
            "batch_id": None,
            "status": STATES[state],
            "speed_processed": "normal",
            "speed_requested": "normal",
        }

    def _dispute(self, call: Call, fault: Fault, dispute_id: str) -> Reply:
        if dispute := self.books.dispute_of("razorpay", dispute_id):
            return Reply(200, self.dispute_json(dispute))
        raise self._bad("The id provided does not exist")

    def dispute_json(self, dispute: Doc) -> Doc:
        return {
            "id": dispute["id"],
            "entity": "dispute",
            "payment_id": dispute["payment"],
            "amount": dispute["amount"],
            "currency": dispute["currency"],
            "amount_deducted": dispute["deducted"],
            "status": dispute["status"],
            "phase": "chargeback",
            "created_at": int(dispute["created"]),
        }

    # --- payments and orders ------------------------------------------------------------------

    def _show(self, call: Call, fault: Fault, payment_id: str) -> Reply:
        return Reply(200, self.payment_json(self._payment(payment_id)))

    def payment_json(self, payment: Doc) -> Doc:
        returned, amount = self.books.shown_returned(payment["id"]), payment["amount"]
        status = "captured" if payment["captured"] else "authorized"
        return {
            "id": payment["id"],
            "entity": "payment",
            "amount": amount,
            "currency": payment["currency"],
            "status": "refunded" if returned == amount else status,
            "order_id": payment["order"] or None,
            "captured": payment["captured"],
            "amount_refunded": returned,
            "refund_status": ("full" if returned == amount else "partial") if returned else None,
            "method": "card",
            "notes": payment["metadata"] or [],
            "created_at": int(payment["created"]),
        }

    def _capture(self, call: Call, fault: Fault, payment_id: str) -> Reply:
        payment = self._payment(payment_id)
        if payment["captured"]:
            raise self._bad("This payment has already been captured")
        if call.json().get("amount") != payment["amount"]:
            raise self._bad("Capture amount must be equal to the amount authorized")
        with self.books.store.work():
            return Reply(200, self.payment_json(self.books.capture(payment)))

    def _create_order(self, call: Call, fault: Fault) -> Reply:
        body = call.json()
        amount = body.get("amount")
        if type(amount) is not int or amount < LEAST or not body.get("currency"):
            raise self._bad("An order needs an amount of at least 100 and a currency")
        key = new_id("razorpay", "order")
        order: Doc = {
            "id": key,
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": str(body["currency"]).upper(),
            "receipt": body.get("receipt"),
            "status": "created",
            "notes": body.get("notes") or [],
            "created_at": int(self.books.now()),
        }
        return Reply(200, self.books.store.save("order", key, order))

    def _order(self, call: Call, fault: Fault, order_id: str) -> Reply:
        if found := self.books.store.all("order").get(order_id):
            return Reply(200, found)
        raise self._bad("The id provided does not exist")

    def _payments_of(self, call: Call, fault: Fault, order_id: str) -> Reply:
        payments = list(self.books.store.all("payment").values())
        found = [self.payment_json(one) for one in payments if one["order"] == order_id]
        return self._collection(found)

    def _payment(self, payment_id: str) -> Doc:
        if found := self.books.payment("razorpay", payment_id):
            return found
        raise self._bad("The id provided does not exist")

    def _collection(self, items: list[Any]) -> Reply:
        return Reply(200, {"entity": "collection", "count": len(items), "items": items})

    def _bad(self, message: str) -> Refusal:
        return Refusal(Reply(400, self.error(400, "", message)))
