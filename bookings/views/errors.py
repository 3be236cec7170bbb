"""What is shown when things go wrong. None of it asks the session or the database for anything."""

from __future__ import annotations

import logging
import sys

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from bookings import unsent
from bookings.access import OnlyForExperts, does_fill_in_again
from bookings.database import failures
from bookings.photos import MOST_MEGABYTES
from bookings.views.pages import no_profile
from topmate.middleware import TooLarge

logger = logging.getLogger(__name__)

LAST_RESORT = (
    '<!doctype html><html lang="en"><title>Sorry</title>'
    "<h1>Sorry, something went wrong on our side</h1>"
    "<p>Nothing you did was lost and no deadline has moved.</p></html>"
)
FORM_AGAIN = "X-Form-Again"
"""Tells the script where a form that was refused is shown again with what was typed."""
NOT_NOW = "X-Not-Now"
"""Tells the script what has become of a form while the database is away: `nothing-done`, or
`unclear`. The words are those of the page."""
AGAIN_AFTER = 10
"""Seconds."""


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        return _error(request, "unknown_host", status=400)
    if isinstance(exception, TooLarge):
        return _error(request, "too_large", status=413)
    return _error(request, "bad_request", status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, "permission_denied", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, OnlyForExperts):
        return no_profile(request, status=404)
    return _error(request, "not_found", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Usually the page is older than its reader's sign-in. What they typed is kept, unless the form
    came from another site."""
    logger.warning("a form was refused: %s", reason)
    match = request.resolver_match
    is_ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    if not (is_ours and match and does_fill_in_again(match.func)):
        return _error(request, "csrf_failure", status=403)
    response = _error(request, "csrf_failure", status=403, again=request.path)
    response.headers[FORM_AGAIN] = request.path
    unsent.keep(request, response, path=request.path)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Must work when nothing else does: the last resort is a line of plain HTML. While the database
    is away it is not our fault, and worth another try."""
    error = sys.exception()
    is_momentary = failures.is_momentary(error)
    try:
        if is_momentary:
            logger.error("the database did not answer: %s: %s", type(error).__name__, error)
            return _not_now(request)
        return _error(request, "server_error", status=500)
    except Exception:
        logger.exception("the error page itself failed")
        return HttpResponse(LAST_RESORT, status=503 if is_momentary else 500)


def _not_now(request: HttpRequest) -> HttpResponse:
    """Says of a form whether it was carried out, as far as can be known."""
    is_form = request.method not in ("GET", "HEAD", "OPTIONS")
    told = "unclear" if failures.has_kept() else "nothing-done"
    told = told if is_form else "looked"
    response = _error(request, "not_now", status=503, told=told)
    response.headers["Retry-After"] = str(AGAIN_AFTER)
    response.headers[NOT_NOW] = told
    return response


def _error(
    request: HttpRequest, name: str, *, status: int, again: str = "", told: str = ""
) -> HttpResponse:
    """Rendered without the request: it asks neither session nor database for anything."""
    theme = request.COOKIES.get("theme", "")
    context = {
        "told": told,
        "site_name": settings.SITE_NAME,
        "theme": theme if theme in ("light", "dark") else "",
        "again": again,
        "photo_megabytes": MOST_MEGABYTES,
    }
    return HttpResponse(render_to_string(f"pages/errors/{name}.html", context), status=status)
