"""How a page answers an action: a fragment for HTMX, a redirect with a message without."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import reswap, retarget, trigger_client_event

from bookings import lists
from bookings.access import ExpertRequest
from bookings.models import Booking, Expert
from bookings.presenters import counters, markup, rows
from bookings.presenters.results import Result
from bookings.presenters.undo import Undo
from bookings.states import Actor, ActorKind
from bookings.views.expert import page
from bookings.wording.reader import Reader

SOURCES = ("need_action", "waiting", "completed_calls", "upcoming", "booking")
KEY_LENGTH = 64


def source_of(request: HttpRequest) -> str:
    """The list the expert came from; it is where they go back to."""
    wanted = request.POST.get("from") or request.GET.get("from") or ""
    if kept := getattr(request, "unsent", None):
        wanted = kept.fields.get("from", wanted)
    return wanted if wanted in SOURCES else "booking"


def actor_of(request: ExpertRequest) -> Actor:
    """The key of the form makes a repeat harmless; one that is no key counts as none."""
    key = request.POST.get("request_key", "")
    is_key = len(key) <= KEY_LENGTH and key.replace("-", "").replace("_", "").isalnum()
    return Actor(ActorKind.EXPERT, request.expert.user_id, key if is_key and key.isascii() else "")


def shown(
    request: ExpertRequest, template: str, partial: str, context: dict[str, Any]
) -> HttpResponse:
    """A page, or the part of it that HTMX asked for."""
    name = f"{template}#{partial}" if page.is_fragment(request) else template
    response = render(request, name, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def acted(
    request: ExpertRequest,
    booking: Booking,
    result: Result,
    *,
    now: datetime,
    status: int = 200,
    is_row: bool = False,
) -> HttpResponse:
    """What an action leaves behind. `is_row`: the booking's row as it is now, not the result."""
    source = source_of(request)
    if not page.is_fragment(request):
        return _redirected(request, booking, result, source)
    if source == "booking":
        response = page.answer(request, booking.code, result=result, now=now, status=status)
    else:
        response = _row_answer(request, booking.code, result, source, now, status, is_row)
    trigger_client_event(response, "dialog:close")
    patch_vary_headers(response, ["HX-Request"])
    return response


def _redirected(
    request: ExpertRequest, booking: Booking, result: Result, source: str
) -> HttpResponse:
    level = messages.ERROR if result.is_bad else messages.SUCCESS
    undo = str(Undo(result.undo_url, result.undo_until))
    messages.add_message(request, level, result.sentence, extra_tags=undo)
    if source == "booking":
        return redirect("booking", booking.code)
    return redirect(source)


def _row_answer(
    request: ExpertRequest,
    code: str,
    result: Result,
    source: str,
    now: datetime,
    status: int,
    is_row: bool,
) -> HttpResponse:
    counted = counters_of(request.expert, now=now, source=source)
    context = {**counted, "result": result, "source": source}
    if is_row or result.is_bad:
        context |= _row_context(request, code, source, now=now, notice=result) or {}
    response = render(request, "bookings/row_answer.html", context, status=status)
    return reswap(retarget(response, f"#call-{code}"), "outerHTML")


def _row_context(
    request: ExpertRequest, code: str, source: str, *, now: datetime, notice: Result | None = None
) -> dict[str, Any] | None:
    if source == "booking":
        return None
    fresh = lists.row(request.expert, code)
    if fresh is None:
        return None
    shown = rows.row(fresh, Reader.of(request.expert, now=now), source=source)
    token = get_token(request)
    html = markup.html([shown], source=source, csrf_token=token, notice=notice)
    return {"row": html, "source": source}


def fresh_row(request: ExpertRequest, code: str, source: str, *, now: datetime) -> HttpResponse:
    """A row as it is now, and what the page counts, which changes when its time is up."""
    context = _row_context(request, code, source, now=now)
    if context is None:
        raise Http404("There is no such row.")
    context |= counters_of(request.expert, now=now, source=source)
    return render(request, "bookings/row_answer.html", context)


def counters_of(expert: Expert, *, now: datetime, source: str) -> dict[str, Any]:
    """The badge, the tabs and the sums above the list. One query."""
    are_waiting = source == "waiting"
    totals, others = lists.open_calls(expert, now=now, are_waiting=are_waiting)
    reader = Reader.of(expert, now=now)
    found = counters.counters(totals, others, reader, are_waiting=are_waiting)
    return {"counters": found, "need_count": found.need_count}
