"""The hosted page where a follower pays: one button, no card."""

from __future__ import annotations

import hashlib
import hmac
from html import escape
from urllib.parse import parse_qsl, urlencode

from tests.provider.books import Books
from tests.provider.calls import Call, Reply
from tests.provider.store import Doc

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Pay (stand-in)</title>
<meta name="viewport" content="width=device-width">
<h1>Pay {amount} {currency}</h1>
<p>This is the provider's stand-in. No card is asked for and no money moves.</p>
<form method="post"><button>Pay</button>{more}</form>
{cancel}
</html>"""
BACK = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Paid (stand-in)</title>
<h1>Paid</h1>
<form method="post" action="{action}">{fields}<button>Back to the site</button></form>
</html>"""


class PayPage:
    def __init__(self, books: Books, *, razorpay_key_id: str, razorpay_secret: str) -> None:
        self.books, self.razorpay_secret = books, razorpay_secret
        self.razorpay_key_id = razorpay_key_id

    def hosted(self, call: Call) -> Reply:
        """Razorpay's hosted checkout: a form of the site's leads to the page to pay on."""
        form = dict(parse_qsl(call.body.decode()))
        order = self.books.store.all("order").get(form.get("order_id", ""))
        if call.method != "POST" or order is None or form.get("key_id") != self.razorpay_key_id:
            return Reply(400, "<h1>There is no such order.</h1>")
        back = {name: form.get(name, "") for name in ("callback_url", "cancel_url")}
        return Reply(303, "", {"Location": f"/pay/{order['id']}?{urlencode(back)}"})

    def answer(self, call: Call) -> Reply:
        order = self.books.store.all("order").get(call.path.removeprefix("/pay/"))
        if order is None or call.method not in ("GET", "POST"):
            return Reply(404, "<h1>There is no such order.</h1>")
        if order["status"] == "expired":
            return Reply(410, "<h1>This page has expired.</h1>")
        is_paid = order["status"] in ("complete", "paid")
        if call.method == "GET" and not is_paid:
            return Reply(200, self._page(order, call.query.get("cancel_url", "")))
        with self.books.store.work():
            if order["id"].startswith("cs_"):
                return self._stripe(order)
            form = dict(parse_qsl(call.body.decode()))
            return self._razorpay(order, call, is_captured="hold" not in form)

    def _page(self, order: Doc, cancel_url: str) -> str:
        is_stripe = order["id"].startswith("cs_")
        amount = order["amount_total"] if is_stripe else order["amount"]
        back = order.get("cancel_url") or cancel_url
        back = back if back.startswith(("http://", "https://")) else ""
        hold = ' <button name="hold" value="1">Pay, but do not capture</button>'
        return PAGE.format(
            amount=amount,
            currency=escape(order["currency"].upper()),
            more="" if is_stripe else hold,
            cancel=f'<p><a href="{escape(back)}">Cancel</a></p>' if back else "",
        )

    def _stripe(self, order: Doc) -> Reply:
        if order["status"] == "open":
            paid = self.books.pay(
                "stripe",
                order["amount_total"],
                order["currency"],
                order=order["id"],
                metadata=order["metadata"],
            )
            order |= {"status": "complete", "payment_status": "paid", "payment_intent": paid["id"]}
            self.books.store.save("order", order["id"], order)
            self.books.changed("session.paid", "stripe", order)
        target = order["success_url"].replace("{CHECKOUT_SESSION_ID}", order["id"])
        return Reply(303, "", {"Location": target})

    def _razorpay(self, order: Doc, call: Call, *, is_captured: bool) -> Reply:
        """Their script posts three fields to the site's own address; so does this page."""
        if order["status"] == "created":
            paid = self.books.pay(
                "razorpay",
                order["amount"],
                order["currency"],
                order=order["id"],
                captured=is_captured,
                metadata=order["notes"] or {},
            )
            order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
            self.books.store.save("order", order["id"], {**order, "payment": paid["id"]})
            order["payment"] = paid["id"]
            self.books.changed("session.paid", "razorpay", order)
        signed = f"{order['id']}|{order['payment']}".encode()
        fields = {
            "razorpay_payment_id": order["payment"],
            "razorpay_order_id": order["id"],
            "razorpay_signature": hmac.new(
                self.razorpay_secret.encode(), signed, hashlib.sha256
            ).hexdigest(),
        }
        action = call.query.get("callback_url", "")
        if not action.startswith(("http://", "https://")):
            return Reply(200, fields)
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in fields.items()
        )
        return Reply(200, BACK.format(action=escape(action), fields=hidden))
