"""The page of one booking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from bookings import database_time, lists
from bookings.access import ExpertRequest, expert_required, own_booking
from bookings.compiled import Compiled
from bookings.models import TimelineEvent
from bookings.presenters.detail import detail
from bookings.presenters.reader import Reader
from bookings.presenters.results import Result

EVENTS = Compiled(
    lambda pk: TimelineEvent.objects.filter(booking_id=pk).select_related("refund"), 1
)


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
    """The whole page, or after an action the part below the navigation."""
    template = "bookings/detail.html"
    context = _context(request, code, now=now)
    if result is not None:
        template = "bookings/detail_answer.html"
        context["result"] = result
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _context(request: ExpertRequest, code: str, *, now: datetime) -> dict[str, Any]:
    found = own_booking(request.expert, code)
    events = EVENTS(found.pk)
    queue = lists.queue(request.expert)
    shown = detail(found, events, queue, Reader.of(request.expert, now=now))
    return {"detail": shown, "section": shown.section, "need_count": len(queue)}
