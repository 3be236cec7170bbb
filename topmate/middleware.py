"""What every request passes on its way in, and every answer on its way out.

The headers of each answer; requests that cannot be read, which are refused before anything else
looks at them; and links out of e-mails, which open whatever a mail program took for a part of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.http import parse_header_parameters

from bookings import metrics

# --- Headers on every answer, errors included -----------------------------------------------------

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
        if not getattr(response, "xframe_options_exempt", False):
            headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        headers.setdefault("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY)
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        # Static files carry their own; every page is somebody's and is kept nowhere.
        headers.setdefault("Cache-Control", "no-store")
        return response


class MeasureMiddleware:
    """Outermost, where somebody asks for /metrics at all: errors are measured, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        metrics.note_request(
            match.view_name if match else "",
            request.method or "",
            response.status_code,
            time.perf_counter() - began,
        )
        return response


# --- Requests that cannot be read are answered by 400 ---------------------------------------------
# Django believes the character set a request names, also one that is no set of characters (zlib)
# or whose decoder fails (idna): then its query string raises wherever it is read first, the page of
# the error included. And a parameter encoded as in RFC 2231 raises while the request is still being
# made, where nobody answers.

CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"}
"""What programs that send forms and webhooks name. Looking an unknown name up would also keep it in
memory for good."""
LONGEST_ADDRESS = 8000
"""Characters of path and query. Ours have a few hundred; a page may repeat its address in links."""
MOST_BYTES = 20 * 1024 * 1024
"""Of a body. A photo of up to 5 MB is the largest thing somebody sends; a larger one up to here is
told so in the form. Files beyond what fits in memory would be written to the disk first."""
UNUSED_METHODS = {"TRACE", "TRACK", "CONNECT"}


def is_readable(content_type: str) -> bool:
    """Whether the body is written in characters we know. No boundary and no type has a `*`: it only
    stands where a parameter says in which character set it is written itself."""
    if not (content_type.isascii() and content_type.isprintable()) or "*=" in content_type:
        return False
    try:
        params = parse_header_parameters(content_type)[1]
    except (ValueError, LookupError):
        return False
    return params.get("charset", "utf-8").strip().lower().replace("_", "-") in CHARSETS


class Request(WSGIRequest):
    """Can be made whatever its headers are; `ReadableRequestMiddleware` refuses it then."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        if is_readable(meta.get("CONTENT_TYPE", "")):
            super()._set_content_type_params(meta)  # type: ignore[misc]
        else:
            self.content_type, self.content_params = "", {}


class TooLarge(BadRequest):
    """More was sent than any page of ours takes."""


class ReadableRequestMiddleware:
    """Comes right after the one that adds the headers, so that the refusal has them too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_readable(request.META.get("CONTENT_TYPE", "")):
            request.encoding = "utf-8"  # the page that says so reads the request, too
            raise BadRequest("The type of the content cannot be read")
        if len(request.path) + len(request.META.get("QUERY_STRING", "")) > LONGEST_ADDRESS:
            raise BadRequest("The address is too long")
        if _size(request) > MOST_BYTES:
            raise TooLarge("The body is too large")
        if request.method in UNUSED_METHODS:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST", "OPTIONS"])
        _leave_out_what_is_no_address(request)
        _leave_out_control_characters(request)
        return self.get_response(request)


def _size(request: HttpRequest) -> int:
    """Of the body, as it is announced. Django reads nothing of one that is not."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    return int(announced) if announced.isascii() and announced.isdecimal() else 0


def _leave_out_what_is_no_address(request: HttpRequest) -> None:
    """HTMX tells which page asks, with per cent codes where it has to; what is no address would
    raise where it is split."""
    told = request.META.get("HTTP_HX_CURRENT_URL", "")
    try:
        urlsplit(told)
        urlsplit(unquote(told))
    except ValueError:
        del request.META["HTTP_HX_CURRENT_URL"]


def _leave_out_control_characters(request: HttpRequest) -> None:
    """None of our cookies has any, and PostgreSQL cannot even look for a session with a NUL."""
    odd = [name for name, value in request.COOKIES.items() if not value.isprintable()]
    for name in odd:
        del request.COOKIES[name]


# --- Links out of e-mails -------------------------------------------------------------------------
# A bracket, a full stop or a blank behind a link ends up in the address, and so does half of a tag.
# No page of ours has such signs in its path. What is left is read as strictly as ever: a private
# link is still signed to its last letter.

_AS_WE_WRITE_IT = re.compile(
    r"/(?:[\w.~:@+-]*[a-zA-Z0-9][_-]*/)*(?:[\w.~-]*[a-zA-Z0-9])?", re.ASCII
)
_MEANT = re.compile(r"[\w./~:@+-]*[a-zA-Z0-9][_-]*", re.ASCII)
"""Up to the last letter before such a sign; hyphens can belong to a token, full stops cannot."""


class MailedLinkMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _AS_WE_WRITE_IT.fullmatch(request.path_info) and (path := meant(request.path_info)):
            request.path_info = path
            request.path = get_script_prefix().rstrip("/") + path
        return self.get_response(request)


def meant(path: str) -> str:
    """The page in front of the first sign that is in no path; empty where there is none."""
    match = _MEANT.match(path)
    if match is None:
        return "" if re.search("[a-zA-Z0-9]", path) else "/"
    start = match[0]
    return next(filter(_is_page, (f"{start}/", start, start.rstrip("_-"))), "")


def _is_page(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
