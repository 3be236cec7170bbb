"""The page of one booking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from bookings import database_time, lists
from bookings.access import ExpertRequest, expert_required, own_booking
from bookings.compiled import Compiled
from bookings.models import OutboxEmail, TimelineEvent
from bookings.presenters.detail import detail
from bookings.presenters.reader import Reader
from bookings.presenters.results import Result


def _events(pk: int, audience: str) -> QuerySet[TimelineEvent]:
    """With their refunds, and with the state of the e-mail that told the follower."""
    mails = OutboxEmail.objects.filter(event=OuterRef("pk"), audience=audience)
    events = TimelineEvent.objects.filter(booking_id=pk).select_related("refund")
    return events.annotate(mail=Subquery(mails.values("state")[:1]))


EVENTS: Compiled[TimelineEvent] = Compiled(_events, 1, OutboxEmail.Audience.FOLLOWER.value)


def is_fragment(request: HttpRequest) -> bool:
    """HTMX wants a part of the page; going back in the browser wants all of it."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request


@expert_required
@require_safe
def booking(request: ExpertRequest, code: str) -> HttpResponse:
    return answer(request, code, result=None, now=database_time.now())


def answer(
    request: ExpertRequest,
    code: str,
    *,
    result: Result | None,
    now: datetime,
    status: int = 200,
) -> HttpResponse:
    """The whole page; after an action, and where it looks again by itself, its lower part."""
    is_part = result is not None or is_fragment(request)
    template = "bookings/detail_answer.html" if is_part else "bookings/detail.html"
    context = {**_context(request, code, now=now), "result": result}
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _context(request: ExpertRequest, code: str, *, now: datetime) -> dict[str, Any]:
    found = own_booking(request.expert, code)
    events = EVENTS(found.pk, OutboxEmail.Audience.FOLLOWER.value)
    queue = lists.codes(request.expert)
    shown = detail(found, events, queue, Reader.of(request.expert, now=now))
    return {"detail": shown, "section": shown.section, "need_count": len(queue)}
