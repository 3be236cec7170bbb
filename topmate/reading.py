"""Requests that cannot be read are answered by 400 before anything else looks at them.

Django believes the character set a request names, also one that is no set of characters (zlib) or
whose decoder fails (idna): then its query string raises wherever it is read first, the page of the
error included. And a parameter encoded as in RFC 2231 raises while the request is still being made,
where nobody answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters

CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"}
"""What programs that send forms and webhooks name. Looking an unknown name up would also keep it in
memory for good."""
LONGEST_ADDRESS = 8000
"""Characters of path and query. Ours have a few hundred; a page may repeat its address in links."""
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
        if request.method in UNUSED_METHODS:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST", "OPTIONS"])
        _leave_out_what_is_no_address(request)
        _leave_out_control_characters(request)
        return self.get_response(request)


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
