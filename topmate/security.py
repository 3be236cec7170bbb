"""Headers on every response, errors included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Policy = Mapping[str, Sequence[str]]
View = Callable[..., HttpResponseBase]
Response = TypeVar("Response", bound=HttpResponseBase)

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "microphone", "geolocation", "payment", "usb", "browsing-topics")
)


def build_policy(policy: Policy) -> str:
    """The header's text; same input as Django 6's SECURE_CSP."""
    return "; ".join(" ".join([directive, *sources]) for directive, sources in policy.items())


def csp_override(policy: Policy) -> Callable[[View], View]:
    """Decorator for the rare view that needs another policy, as in Django 6."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> HttpResponseBase:
            return with_policy(view(*args, **kwargs), policy)

        return wrapped

    return decorate


def with_policy(response: Response, policy: Policy) -> Response:
    """For the rarer view whose policy depends on what it shows."""
    response._csp_config = policy  # type: ignore[attr-defined]
    return response


class SecurityHeadersMiddleware:
    """Must be the outermost: what the others answer themselves passes through here as well."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        policy = getattr(response, "_csp_config", settings.SECURE_CSP)
        headers = response.headers
        headers.setdefault("Content-Security-Policy", build_policy(policy))
        headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        headers.setdefault("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY)
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        # Static files carry their own; every page is somebody's and is kept nowhere.
        headers.setdefault("Cache-Control", "no-store")
        return response
