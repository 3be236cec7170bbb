"""How an expert's pages answer: a whole page, the part of it that HTMX asked for, and after an
action a fragment, or without scripts a redirect with a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django_htmx.http import reswap, retarget, trigger_client_event

from bookings import lists
from bookings.access import ExpertRequest, own_booking
from bookings.database.kept_statements import KeptQuery
from bookings.models import Booking, OutboxEmail, TimelineEvent
from bookings.presenters import groups, row_html
from bookings.presenters.booking_page import detail
from bookings.presenters.dialogs import Result, Undo
from bookings.presenters.row import row
from bookings.states import Actor, ActorKind
from bookings.wording.reader import Reader

SOURCES = ("need_action", "waiting", "completed_calls", "upcoming", "booking")
KEY_LENGTH = 64


def is_fragment(request: HttpRequest) -> bool:
    """HTMX wants a part of the page; going back in the browser wants all of it."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request


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
    request: ExpertRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """A page that is another one for HTMX."""
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def counters_of(request: ExpertRequest, *, now: datetime, source: str) -> dict[str, Any]:
    """The badge, the tabs and the sums above the list. One query."""
    are_waiting = source == "waiting"
    totals, others = lists.open_calls(request.expert, now=now, are_waiting=are_waiting)
    reader = Reader.of(request.expert, now=now)
    found = groups.counters(totals, others, reader, are_waiting=are_waiting)
    return {"counters": found, "need_count": found.need_count}


# --- the page of one booking ----------------------------------------------------------------------


def _events(pk: int, audience: str) -> QuerySet[TimelineEvent]:
    """With their refunds, and with the state of the e-mail that told the follower."""
    mails = OutboxEmail.objects.filter(event=OuterRef("pk"), audience=audience)
    events = TimelineEvent.objects.filter(booking_id=pk).select_related("refund")
    return events.annotate(mail=Subquery(mails.values("state")[:1]))


EVENTS: KeptQuery[TimelineEvent] = KeptQuery(_events, 1, OutboxEmail.Audience.FOLLOWER.value)


def booking_page(
    request: ExpertRequest,
    code: str,
    *,
    now: datetime,
    result: Result | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page; after an action, and where it looks again by itself, its lower part."""
    found = own_booking(request.expert, code)
    events = EVENTS(found.pk, OutboxEmail.Audience.FOLLOWER.value)
    queue = lists.codes(request.expert)
    page = detail(found, events, queue, Reader.of(request.expert, now=now))
    is_part = result is not None or is_fragment(request)
    template = "bookings/detail_answer.html" if is_part else "bookings/detail.html"
    context = {
        "detail": page,
        "section": page["section"],
        "need_count": len(queue),
        "result": result,
    }
    return shown(request, template, context, status=status)


# --- a row, and what an action leaves behind ------------------------------------------------------


def row_now(
    request: ExpertRequest, code: str, source: str, *, now: datetime, notice: Result | None = None
) -> SafeString | None:
    """The row as it is now; None where no list shows the booking."""
    fresh = lists.row(request.expert, code) if source != "booking" else None
    if fresh is None:
        return None
    made = row(fresh, Reader.of(request.expert, now=now), source=source)
    return row_html.html([made], source=source, csrf_token=get_token(request), notice=notice)


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
    source, code = source_of(request), booking.code
    if not is_fragment(request):
        level = messages.ERROR if result.is_bad else messages.SUCCESS
        undo = str(Undo(result.undo_url, result.undo_until))
        messages.add_message(request, level, result.sentence, extra_tags=undo)
        return redirect("booking", code) if source == "booking" else redirect(source)
    if source == "booking":
        response = booking_page(request, code, result=result, now=now, status=status)
    else:
        context = {
            **counters_of(request, now=now, source=source),
            "result": result,
            "source": source,
        }
        if is_row or result.is_bad:
            context["row"] = row_now(request, code, source, now=now, notice=result)
        response = shown(request, "bookings/row_answer.html", context, status=status)
        response = reswap(retarget(response, f"#call-{code}"), "outerHTML")
    return trigger_client_event(response, "dialog:close")
