"""The HTTP side: read a call, ask the right shape, let the faults have their way, answer."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.provider.books import Books, NotRefundable
from tests.provider.calls import Call, Refusal, Reply
from tests.provider.control import Control
from tests.provider.faults import Cut, Faults
from tests.provider.pay_page import PayPage
from tests.provider.razorpay import RazorpayShape
from tests.provider.store import Store
from tests.provider.stripe import StripeShape
from tests.provider.webhooks import Target, Webhooks

MOST_BYTES = 1024 * 1024
TICK_SECONDS = 0.1


@dataclass(frozen=True)
class Credentials:
    """The credentials a client must bring, and the secrets the webhooks are signed with."""

    stripe_secret_key: str = "sk_test_standin"
    stripe_webhook_secret: str = "whsec_standin"
    razorpay_key_id: str = "rzp_test_standin"
    razorpay_key_secret: str = "standin-secret"
    razorpay_webhook_secret: str = "standin-webhook-secret"

    def settings(self, url: str) -> dict[str, str]:
        """The environment of a site that has the stand-in at this address for its providers."""
        return {
            "STRIPE_API_BASE": url,
            "STRIPE_SECRET_KEY": self.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret,
            "RAZORPAY_API_BASE": url,
            "RAZORPAY_KEY_ID": self.razorpay_key_id,
            "RAZORPAY_KEY_SECRET": self.razorpay_key_secret,
            "RAZORPAY_WEBHOOK_SECRET": self.razorpay_webhook_secret,
        }


class StandIn(ThreadingHTTPServer):
    """`serve_forever()` in a thread or a process of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        file: str = "",
        keys: Credentials | None = None,
    ) -> None:
        self.keys = keys = keys or Credentials()
        self.delay_seconds = 0.0
        self.books = Books(Store(file))
        self.faults = Faults()
        self.stripe = StripeShape(self.books, secret_key=keys.stripe_secret_key)
        self.razorpay = RazorpayShape(
            self.books, key_id=keys.razorpay_key_id, key_secret=keys.razorpay_key_secret
        )
        self.webhooks = Webhooks(self.books, self.stripe, self.razorpay)
        self.webhooks.targets = {
            "stripe": Target(secret=keys.stripe_webhook_secret),
            "razorpay": Target(secret=keys.razorpay_webhook_secret),
        }
        self.control = Control(self.books, self.faults, self.webhooks)
        self.pay_page = PayPage(
            self.books,
            razorpay_key_id=keys.razorpay_key_id,
            razorpay_secret=keys.razorpay_key_secret,
        )
        super().__init__((host, port), Handler)
        self.url = f"http://{host}:{self.server_address[1]}"
        self._is_closed = threading.Event()
        threading.Thread(target=self._tick, daemon=True).start()

    def server_close(self) -> None:
        """Its threads end as well."""
        super().server_close()
        self._is_closed.set()
        self.webhooks.close()

    def _tick(self) -> None:
        while not self._is_closed.wait(TICK_SECONDS):
            self.books.tick()

    def shape_of(self, call: Call) -> StripeShape | RazorpayShape:
        """The first word after /v1/ tells them apart, or what is asked for; both list all their
        refunds under one name, to whoever has their key."""
        is_theirs = call.path.startswith(("/v1/orders", "/v1/payments/", "/v1/disputes/disp_"))
        is_list = (call.method, call.path) == ("GET", "/v1/refunds")
        if is_theirs or (is_list and self.razorpay.is_allowed(call)):
            return self.razorpay
        return self.stripe

    def answer(self, call: Call) -> Reply | bytes:
        if call.path.startswith("/_"):
            return self.control.answer(call)
        if call.path.startswith("/pay/"):
            return self.pay_page.answer(call)
        if call.path == "/v1/checkout/embedded":
            return self.pay_page.hosted(call)
        time.sleep(self.delay_seconds)
        shape = self.shape_of(call)
        if not shape.is_allowed(call):
            return Reply(401, shape.error(401, "", "The key is not valid."))
        fault = self.faults.next(call)
        if reply := fault.instead(shape.error):
            return reply
        try:
            reply = shape.answer(call, fault)
        except Refusal as refusal:
            reply = refusal.reply
        except (ValueError, RecursionError):
            reply = Reply(400, shape.error(400, "", "The request cannot be read."))
        return fault.after(reply)


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"
    timeout = 120
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            return self._send(Reply(413, "<h1>Too large</h1>"))
        parts = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
            base_url=self.server.url,
        )
        try:
            reply = self.server.answer(call)
        except Cut as cut:
            return self._cut(cut)
        except NotRefundable as no:
            reply = Reply(400, {"error": f"not refundable: {no.why}"})
        self._send(reply)

    def _send(self, reply: Reply | bytes) -> None:
        status, headers = 200, {}
        content, kind = reply if isinstance(reply, bytes) else b"", "application/json"
        if isinstance(reply, Reply):
            (content, kind), status, headers = reply.encoded(), reply.status, reply.headers
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # the client has gone; that is what some faults are for
            self.close_connection = True

    def _cut(self, cut: Cut) -> None:
        self.close_connection = True
        if cut.is_reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: what happened is in the books."""
