"""Our HTTP call under Stripe's SDK, so that time-outs and sizes are ours."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import stripe

from bookings.gateways.exchange import Ask, Reply, exchange

stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)  # else a line or two for each call


class Wire(stripe.HTTPClient):
    """For one client and one thread. Keeps the reply: the SDK drops the headers of an HTML one."""

    name = "urllib3"

    def __init__(self, read_seconds: float, ask: Ask = exchange) -> None:
        super().__init__()
        self.read_seconds, self.ask = read_seconds, ask
        self.reply: Reply | None = None

    def client(self, *, api_base: str, secret_key: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base},
            max_network_retries=0,
            http_client=self,
        )

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
