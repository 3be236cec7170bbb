"""/_control, /_books and /_events: what a test or a person does behind the provider's back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.provider.books import Books
from tests.provider.calls import Call, Reply
from tests.provider.faults import RANDOM_KINDS, Dice, Faults, ListLag
from tests.provider.webhooks import Noise, Webhooks


class Control:
    def __init__(self, books: Books, faults: Faults, webhooks: Webhooks) -> None:
        self.books, self.faults, self.webhooks = books, faults, webhooks

    def answer(self, call: Call) -> Reply:
        if (call.method, call.path) == ("GET", "/_books"):
            return Reply(200, {"payments": self.books.summary(), "faults": self.faults.counts})
        if (call.method, call.path) == ("GET", "/_events"):
            self.books.tick()
            return Reply(200, {"events": self._events()})
        if (call.method, call.path) != ("POST", "/_control"):
            return Reply(404, {"error": "There are /_control, /_books and /_events."})
        try:
            return Reply(200, self._do(call.json()))
        except (ValueError, KeyError, TypeError) as error:
            return Reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _events(self) -> list[dict[str, Any]]:
        with self.books.store.work():
            events = list(self.books.store.all("event").values())
        return [{**event, "headers": self.webhooks.headers(event)} for event in events]

    def _do(self, told: dict[str, Any]) -> dict[str, Any]:
        """One word may be told per call, or several; they are done in this order."""
        done: dict[str, Any] = {}
        acts: dict[str, Callable[[Any], Any]] = {
            "reset": self._reset,
            "payments": self._payments,
            "external_refund": self._external_refund,
            "dispute": self._dispute,
            "faults": self._faults,
            "random": self._random,
            "settles_after": self._settles_after,
            "list_lag": self._list_lag,
            "advance": self._advance,
            "webhooks": self._webhooks,
            "deliver": self.webhooks.deliver,
        }
        if strange := set(told) - set(acts):
            raise ValueError(f"unknown: {', '.join(sorted(strange))}; known: {', '.join(acts)}")
        with self.books.store.work():
            for name, act in acts.items():
                if name in told:
                    done[name] = act(told[name])
        self.books.tick()
        return done

    def _reset(self, _: Any) -> None:
        self.books.forget()
        self.books.list_lag = ListLag()
        self.faults.clear()

    def _payments(self, payments: list[dict[str, Any]]) -> list[str]:
        """[{"provider": "stripe", "amount": 5000, "currency": "eur", "id": "pi_…"}]"""
        return [self.books.pay(**payment)["id"] for payment in payments]

    def _external_refund(self, told: dict[str, Any]) -> str:
        """{"payment": "pi_…", "amount": 100}: made by somebody in the provider's dashboard."""
        payment = self.books.store.all("payment")[told["payment"]]
        refund = self.books.refund(payment, told.get("amount"), is_external=True)
        return str(refund["id"])

    def _dispute(self, told: dict[str, Any]) -> str:
        """{"payment": "pi_…", "status": "open" | "won" | "lost"}; with "amount" for a part"""
        if told["status"] not in ("open", "won", "lost"):
            raise ValueError("a dispute is open, won or lost")
        payment = self.books.store.all("payment")[told["payment"]]
        return str(self.books.dispute(payment, told["status"], told.get("amount"))["id"])

    def _faults(self, scripts: list[dict[str, Any]]) -> int:
        """[{"kind": "drop", "calls": 2, "seconds": 5, "match": "^POST "}]; [] clears them."""
        if not scripts:
            self.faults.clear()
        for script in scripts:
            self.faults.script(**script)
        return len(self.faults.scripts)

    def _random(self, told: dict[str, Any] | None) -> None:
        """{"seed": 7, "rate": 0.5, "seconds": 5, "kinds": ["drop"]}; null ends it."""
        self.faults.dice = told and Dice(  # type: ignore[assignment]
            seed=str(told["seed"]),
            rate=float(told["rate"]),
            kinds=tuple(told.get("kinds", RANDOM_KINDS)),
            seconds=float(told.get("seconds", 5)),
        )

    def _settles_after(self, seconds: float) -> None:
        """How long new refunds are pending."""
        self.books.settles_after = float(seconds)

    def _list_lag(self, told: float | dict[str, Any]) -> None:
        """Seconds after which lists show new refunds; {"seconds": 300, "seed": 7}: up to them.
        "covers_payments": what a payment says went back is behind as well."""
        more = told if isinstance(told, dict) else {"seconds": told}
        self.books.list_lag = ListLag(
            float(more["seconds"]),
            str(more.get("seed", "")),
            covers_payments=bool(more.get("covers_payments")),
        )

    def _advance(self, seconds: float) -> float:
        """Let time pass for refunds and keys."""
        self.books.advance(float(seconds))
        return self.books.now()

    def _webhooks(self, told: dict[str, Any]) -> None:
        """{"stripe": URL, "razorpay": URL, "copies": 3, "is_off": true}; "noise": {"seed": "7",
        "most_copies": 3, "longest_delay": 5, "lost": 0.1} instead of copies, null ends it"""
        for provider, target in self.webhooks.targets.items():
            target.url = told.get(provider, target.url)
        self.webhooks.copies = int(told.get("copies", self.webhooks.copies))
        if "noise" in told:
            self.webhooks.noise = told["noise"] and Noise(**told["noise"])
        self.webhooks.is_off = bool(told.get("is_off", self.webhooks.is_off))
