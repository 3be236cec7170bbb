"""The zones and the clock of a reader we know nothing of. The many zones that are probably not
theirs are asked for apart, and kept by browsers."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings import database_time
from bookings.forms.zones import as_options, zone_choices
from bookings.presenters.languages import usual_clock

KEPT_FOR = 3600


@require_safe
@gzip_page  # it holds no secret, and 26 kB are more than the rest of the page
def time_zones(request: HttpRequest) -> HttpResponse:
    """Options for a select that has only the likely ones so far."""
    answer = HttpResponse(_options(_hour(database_time.now())))
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_FOR}"
    return answer


def all_zones(request: HttpRequest, *, now: datetime) -> SafeString:
    """The same within the page, where a reader without scripts asks for it; else nothing."""
    return _options(_hour(now)) if request.GET.get("zones") == "all" else SafeString()


def clock_of(request: HttpRequest) -> str:
    """How somebody of whom we know nothing reads the time."""
    return usual_clock(request.headers.get("Accept-Language", ""))


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=2)
def _options(hour: datetime) -> SafeString:
    """Once an hour: there are five hundred, each a file to read."""
    return as_options(zone_choices(current="UTC", now=hour)[1:])
