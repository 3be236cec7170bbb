"""Headers on every response, errors included, and no private link in a log."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path

from topmate import logs, proxies
from topmate.middleware import csp_override

EXPECTED = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def cached(request: HttpRequest) -> HttpResponse:
    return HttpResponse("x", headers={"Cache-Control": "max-age=60"})


@csp_override({"default-src": ["'none'"]})
def other_policy(request: HttpRequest) -> HttpResponse:
    return HttpResponse("x")


urlpatterns = [
    path("boom", boom),
    path("cached", cached),
    path("other", other_policy),
    path("", include("topmate.urls")),
]
handler500 = "django.views.defaults.server_error"


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status"), [("/healthz", 200), ("/boom", 500), ("/no/such/page", 404)]
)
def test_every_response_carries_the_headers(address: str, status: int) -> None:
    response = Client(raise_request_exception=False).get(address)
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in EXPECTED} == EXPECTED
    assert "camera=()" in response.headers["Permissions-Policy"]


@pytest.mark.urls(__name__)
def test_a_refused_host_and_trace_carry_them_too(client: Client) -> None:
    refused = client.get("/healthz", headers={"host": "evil.example"})
    traced = client.trace("/healthz")
    assert (refused.status_code, traced.status_code) == (400, 405)
    for response in (refused, traced):
        assert {name: response.headers.get(name) for name in EXPECTED} == EXPECTED


@pytest.mark.urls(__name__)
def test_a_view_may_choose_its_own_policy_and_caching(client: Client) -> None:
    assert client.get("/cached").headers["Cache-Control"] == "max-age=60"
    assert client.get("/other").headers["Content-Security-Policy"] == "default-src 'none'"


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.WARNING, "f", 1, message, args, None)


PRIVATE = [
    "pick", "report", "contest", "status", "checkout", "link/pick", "password/MQ", "invitation",
    "setup",
]  # fmt: skip


@pytest.mark.parametrize("purpose", PRIVATE)
def test_private_links_are_masked_in_both_log_forms(purpose: str) -> None:
    line = record("Not Found: %s", f"/{purpose}/abC-12_x:y/slots/")
    for text in (
        logs.MaskedFormatter("{message}", style="{").format(line),
        json.loads(logs.JsonFormatter().format(line))["message"],
    ):
        assert text == f"Not Found: /{purpose}/***/slots/"


@pytest.mark.parametrize("purpose", PRIVATE)
def test_the_proxy_is_to_keep_out_of_its_log_what_ours_masks(purpose: str, root: Path) -> None:
    path = f"`/{purpose.split('/')[0]}/`"
    assert path in (root / "deploy/README.md").read_text().split("access log")[1]


@pytest.mark.parametrize(
    ("count", "header", "expected"),
    [
        (0, "6.6.6.6", "10.0.0.9"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (1, "junk", "10.0.0.9"),
        (3, "1.2.3.4", "10.0.0.9"),
    ],
)
def test_a_forged_address_is_not_believed(count: int, header: str, expected: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR=header)
    with override_settings(TRUSTED_PROXIES=count):
        assert proxies.client_ip(request) == expected
