"""The provider's ledger: payments, refunds and disputes, the same for both shapes of URL."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.provider.faults import ListLag
from tests.provider.store import Doc, Store

PREFIXES = {
    "stripe": {"payment": "pi_", "refund": "re_", "order": "cs_", "dispute": "du_"},
    "razorpay": {"payment": "pay_", "refund": "rfnd_", "order": "order_", "dispute": "disp_"},
}


HELD_SECONDS = 3 * 24 * 3600
"""Razorpay returns by itself what was not captured by then."""


class NotRefundable(Exception):
    """`why`: disputed, uncaptured, refunded (nothing is left) or exceeds (less is left)."""

    def __init__(self, why: str, left: int = 0) -> None:
        super().__init__(why)
        self.why, self.left = why, left


class Books:
    """`changed` hears of every event: (name, provider, document)."""

    def __init__(self, store: Store, *, settles_after: float = 0.0) -> None:
        self.store = store
        self.settles_after = settles_after
        self.list_lag = ListLag()
        self.changed: Callable[[str, str, Doc], None] = lambda name, provider, doc: None
        self.unsettled: set[str] = set(store.all("refund"))
        self.held = {key for key, doc in store.all("payment").items() if not doc["captured"]}
        self.by_payment: dict[str, list[Doc]] = {}
        for refund in store.all("refund").values():
            self.by_payment.setdefault(refund["payment"], []).append(refund)

    def now(self) -> float:
        """Real time plus what the control endpoint has added."""
        return time.time() + float(self.store.all("meta").get("clock", {}).get("offset", 0))

    def advance(self, seconds: float) -> None:
        offset = self.now() - time.time() + seconds
        self.store.save("meta", "clock", {"offset": offset})

    # --- money in ---------------------------------------------------------------------------

    def pay(self, provider: str, amount: int, currency: str, **details: Any) -> Doc:
        """A payment that was made; captured unless `captured` is False."""
        doc: Doc = {
            "id": details.pop("id", "") or new_id(provider, "payment"),
            "provider": provider,
            "amount": amount,
            "currency": currency.upper(),
            "captured": True,
            "created": self.now(),
            "dispute": "",
            "order": "",
            "metadata": {},
            **details,
        }
        if doc["id"] in self.store.all("payment"):
            return self.store.all("payment")[doc["id"]]
        self.store.save("payment", doc["id"], doc)
        if not doc["captured"]:
            self.held.add(doc["id"])
        self.changed("payment.captured" if doc["captured"] else "payment.made", provider, doc)
        return doc

    def capture(self, payment: Doc) -> Doc:
        payment["captured"] = True
        self.held.discard(payment["id"])
        self.store.save("payment", payment["id"], payment)
        self.changed("payment.captured", payment["provider"], payment)
        return payment

    def payment(self, provider: str, payment_id: str) -> Doc | None:
        found = self.store.all("payment").get(payment_id)
        return found if found and found["provider"] == provider else None

    def dispute(self, payment: Doc, status: str, amount: int | None = None) -> Doc:
        """`open`, `won` or `lost`. Razorpay books a lost one as a refund without notes."""
        payment["dispute"] = status
        self.store.save("payment", payment["id"], payment)
        left = payment["amount"] - self.returned(payment["id"])
        key = PREFIXES[payment["provider"]]["dispute"] + payment["id"].partition("_")[2]
        doc: Doc = {
            "id": key,
            "provider": payment["provider"],
            "payment": payment["id"],
            "amount": payment["amount"],
            "currency": payment["currency"],
            "created": self.now(),
            **self.store.all("dispute").get(key, {}),
            "status": status,
            **({"amount": amount} if amount else {}),
        }
        doc["deducted"] = min(left, doc["amount"]) if status == "lost" else 0
        self.store.save("dispute", key, doc)
        self.changed(f"dispute.{status}", payment["provider"], doc)
        if payment["provider"] == "razorpay" and doc["deducted"]:
            self._book(payment, doc["deducted"], is_external=True)
        return doc

    def dispute_of(self, provider: str, dispute_id: str) -> Doc | None:
        found = self.store.all("dispute").get(dispute_id)
        return found if found and found["provider"] == provider else None

    # --- money back -------------------------------------------------------------------------

    def refund(self, payment: Doc, amount: int | None, **details: Any) -> Doc:
        left = payment["amount"] - self.returned(payment["id"])
        if not payment["captured"]:
            raise NotRefundable("uncaptured")
        if payment["dispute"] in ("open", "lost"):
            raise NotRefundable("disputed")
        if left == 0:
            raise NotRefundable("refunded")
        amount = left if amount is None else amount
        if amount > left:
            raise NotRefundable("exceeds", left)
        return self._book(payment, amount, **details)

    def _book(self, payment: Doc, amount: int, **details: Any) -> Doc:
        doc: Doc = {
            "id": new_id(payment["provider"], "refund"),
            "provider": payment["provider"],
            "payment": payment["id"],
            "amount": amount,
            "currency": payment["currency"],
            "created": self.now(),
            "settles_at": self.now() + self.settles_after,
            "ends": "succeeded",
            "falls_back_at": None,
            "metadata": {},
            "receipt": None,
            "key": "",
            "is_external": False,
            **details,
        }
        lag = self.list_lag.of(doc["key"] or doc["id"])
        doc = {**doc, "listed_at": self.now() + lag, "announced": self.state(doc)}
        self.store.save("refund", doc["id"], doc)
        self.unsettled.add(doc["id"])
        self.by_payment.setdefault(doc["payment"], []).append(doc)
        self.changed("refund.created", doc["provider"], doc)
        return doc

    def state(self, refund: Doc) -> str:
        """pending, succeeded or failed, now."""
        now = self.now()
        if refund["falls_back_at"] is not None and now >= refund["falls_back_at"]:
            return "failed"
        return str(refund["ends"]) if now >= refund["settles_at"] else "pending"

    def refund_of(self, provider: str, refund_id: str) -> Doc | None:
        found = self.store.all("refund").get(refund_id)
        return found if found and found["provider"] == provider else None

    def refunds_of(self, payment_id: str) -> list[Doc]:
        """Newest first, as both providers list them."""
        return self.by_payment.get(payment_id, [])[::-1]

    def listed(self, payment_id: str) -> list[Doc]:
        """Those of them that lists show by now."""
        now = self.now()
        return [doc for doc in self.refunds_of(payment_id) if doc.get("listed_at", 0) <= now]

    def made(self, provider: str, since: float, until: float) -> list[Doc]:
        """All refunds of a time that lists show by now, newest first."""
        now = self.now()
        every = [doc for doc in self.store.all("refund").values() if doc["provider"] == provider]
        found = [doc for doc in every if since <= int(doc["created"]) <= until]
        listed = [doc for doc in found if doc.get("listed_at", 0) <= now]
        return sorted(listed, key=lambda doc: float(doc["created"]), reverse=True)

    def returned(self, payment_id: str) -> int:
        refunds = self.refunds_of(payment_id)
        return sum(doc["amount"] for doc in refunds if self.state(doc) != "failed")

    def shown_returned(self, payment_id: str) -> int:
        """What the payment itself says went back."""
        if not self.list_lag.covers_payments:
            return self.returned(payment_id)
        listed = self.listed(payment_id)
        return sum(doc["amount"] for doc in listed if self.state(doc) != "failed")

    def forget(self) -> None:
        """Start again with empty books."""
        with self.store.work():
            self.store.forget()
            self.unsettled.clear()
            self.held.clear()
            self.by_payment.clear()

    def tick(self) -> None:
        """Say what time has changed."""
        with self.store.work():
            self._return_held()
            for refund_id in list(self.unsettled):
                refund = self.store.all("refund").get(refund_id)
                if refund is None:
                    self.unsettled.discard(refund_id)
                    continue
                state = self.state(refund)
                if state != refund["announced"]:
                    refund["announced"] = state
                    self.store.save("refund", refund_id, refund)
                    self.changed(f"refund.{state}", refund["provider"], refund)
                if state == "failed" or (state == "succeeded" and not refund["falls_back_at"]):
                    self.unsettled.discard(refund_id)

    def _return_held(self) -> None:
        for payment_id in list(self.held):
            payment = self.store.all("payment")[payment_id]
            is_old = payment["created"] + HELD_SECONDS < self.now()
            if is_old and payment["provider"] == "razorpay":
                self.held.discard(payment_id)
                self._book(payment, payment["amount"], is_external=True)

    def summary(self) -> dict[str, Doc]:
        """The books as a test wants to compare them: per payment, what went back."""
        with self.store.work():
            return {
                payment["id"]: {
                    "provider": payment["provider"],
                    "amount_minor": payment["amount"],
                    "currency": payment["currency"],
                    "is_captured": payment["captured"],
                    "dispute": payment["dispute"],
                    "returned_minor": self.returned(payment["id"]),
                    "refunds": [self._line(doc) for doc in self.refunds_of(payment["id"])],
                }
                for payment in self.store.all("payment").values()
            }

    def _line(self, refund: Doc) -> Doc:
        return {
            "id": refund["id"],
            "amount_minor": refund["amount"],
            "created": refund["created"],
            "status": self.state(refund),
            "refund_uuid": refund["metadata"].get("refund_uuid", ""),
            "key": refund["key"],
            "is_external": refund["is_external"],
        }


def new_id(provider: str, kind: str) -> str:
    return PREFIXES[provider][kind] + uuid.uuid4().hex[:24]
