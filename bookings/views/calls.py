"""An expert's calls: the lists (Need action, waiting for the follower, Completed calls, Upcoming)
and what narrows them, the page of one booking, and what an action leaves behind: a fragment, or
without scripts a redirect with a message. A value nobody can mean is left out of a search, which is
told, never an error page.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from django_htmx.http import reswap, retarget, trigger_client_event

from bookings import database_time, formats, lists, shop
from bookings.access import ExpertRequest, expert_required, own_booking, quiet_when_signed_out
from bookings.database.kept_statements import KeptQuery
from bookings.forms.fields import DayField, LineField
from bookings.models import Booking, Expert, OutboxEmail, TimelineEvent
from bookings.policy import Policy
from bookings.presenters import groups, row_html
from bookings.presenters.booking_page import detail
from bookings.presenters.dialogs import Result, Undo
from bookings.presenters.row import USUALLY_OVER, WITH_DEADLINE, row
from bookings.presenters.shell import navigation
from bookings.states import Actor, ActorKind
from bookings.wording.reader import Reader
from bookings.zones import zone_info

LONGEST_SEARCH = 80


def _sentences(end: str) -> dict[str, str]:
    return {
        "invalid": f"The {end} day is not a date such as 2026-11-26, so it was ignored.",
        "past": f"The {end} day is too far in the past, so it was ignored.",
        "too_far": f"The {end} day is too far ahead, so it was ignored.",
    }


class SearchForm(forms.Form):
    q = LineField(
        required=False,
        max_length=LONGEST_SEARCH,
        error_messages={
            "max_length": "A search has at most %(limit_value)d characters and yours has "
            "%(show_value)d, so it was ignored. Search for a name or the code of a booking."
        },
    )
    after = forms.CharField(required=False, max_length=60)
    shown = forms.IntegerField(required=False, min_value=0, max_value=10**9)
    typed: tuple[str, ...] = ("q",)

    def value(self, name: str) -> Any:
        """The cleaned value; empty when it was refused."""
        self.is_valid()
        return self.cleaned_data.get(name) or ""

    def problems(self) -> list[str]:
        """What was typed and cannot be meant, told in sentences. What only links carry is not."""
        return [str(sentence) for name in self.typed for sentence in self.errors.get(name, [])]

    def kept(self) -> dict[str, str]:
        """What narrows the list, as text for a link."""
        names = [name for name in self.fields if name not in ("after", "shown")]
        return {name: str(self.value(name)) for name in names if self.value(name)}


class PastFilterForm(SearchForm):
    outcome = forms.ChoiceField(choices=[*lists.OUTCOMES.items()], required=False)
    date_from = DayField(required=False, error_messages=_sentences("first"))
    date_to = DayField(required=False, error_messages=_sentences("last"))
    typed = ("q", "date_from", "date_to")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first, last = data.get("date_from"), data.get("date_to")
        if first and last and first > last:
            del data["date_from"]
            self.add_error("date_to", "The last day is before the first, so both were ignored.")
        return data

    def wanted(self, expert: Expert) -> lists.PastFilter:
        """Whole days on the expert's calendar; the last one is included."""
        zone = zone_info(expert.time_zone)
        until = self.value("date_to")
        return lists.PastFilter(
            search=self.value("q"),
            outcome=self.value("outcome"),
            starts_from=_midnight(self.value("date_from"), zone),
            starts_before=_midnight(until + timedelta(days=1), zone) if until else None,
        )


def _midnight(day: date | str | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(0), zone) if isinstance(day, date) else None


# --- the lists ------------------------------------------------------------------------------------


@expert_required
@require_safe
def need_action(request: ExpertRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = lists.need_action(request.expert, search=form.value("q"), after=form.value("after"))
    return _with_deadlines(request, found, form, source="need_action")


@expert_required
@require_safe
def waiting(request: ExpertRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = lists.waiting(request.expert, search=form.value("q"), after=form.value("after"))
    return _with_deadlines(request, found, form, source="waiting")


def _with_deadlines(
    request: ExpertRequest, found: lists.Page, form: SearchForm, *, source: str
) -> HttpResponse:
    now = database_time.now()
    counted = counters_of(request, now=now, source=source)
    limit = formats.duration(Policy.in_force().no_show_window)
    return _page(request, "need_action", found, form, source, now, limits_hours=limit, **counted)


@expert_required
@require_safe
def completed_calls(request: ExpertRequest) -> HttpResponse:
    form, now = PastFilterForm(request.GET), database_time.now()
    wanted = form.wanted(request.expert)
    found = lists.past(request.expert, now=now, wanted=wanted, after=form.value("after"))
    return _page(
        request,
        "completed_calls",
        found,
        form,
        "completed_calls",
        now,
        filters=groups.outcome_links(form.kept(), wanted.outcome),
        outcome=wanted.outcome,
        is_narrowed=bool(form.kept()),
    )


@expert_required
@require_safe
def upcoming(request: ExpertRequest) -> HttpResponse:
    form, now = SearchForm(request.GET), database_time.now()
    found = lists.upcoming(
        request.expert, now=now, search=form.value("q"), after=form.value("after")
    )
    return _page(request, "upcoming", found, form, "upcoming", now)


def _page(
    request: ExpertRequest,
    template: str,
    found: lists.Page,
    form: SearchForm,
    source: str,
    now: datetime,
    **besides: Any,
) -> HttpResponse:
    """The page; for HTMX the list of a new search, or the rows that are put below it."""
    after, search, problems = form.value("after"), form.value("q"), form.problems()
    count = len(found.bookings)
    total = count + int(form.value("shown") or 0) if after else count
    more_url = ""
    if found.after:
        more_url = f"?{urlencode({**form.kept(), 'after': found.after, 'shown': total})}"
    context = {
        "groups": groups.grouped(
            found.bookings,
            Reader.of(request.expert, now=now),
            source=source,
            csrf_token=SimpleLazyObject(lambda: get_token(request)),
        ),
        "count": total,
        "more_url": more_url,
        "looked_through": f"{lists.SEARCHED_AT_ONCE:,}" if found.is_cut_short else "",
        "is_continued": bool(after),
        "q": search,
        "form": form,
        "source": source,
        "usually_over": USUALLY_OVER,
        "problems": problems,
        "announced": groups.announcement(
            count, search, has_more=bool(found.after), problems=problems
        ),
        "first_steps": shop.first_steps(request.expert) if request.expert.is_new else None,
        **besides,
    }
    name = f"bookings/{template}.html"
    if is_fragment(request):
        name += "#more" if after else "#list"
    return shown(request, name, context)


# --- what a list asks by itself -------------------------------------------------------------------


@quiet_when_signed_out
@expert_required
@require_safe
def need_count(request: ExpertRequest) -> HttpResponse:
    """The badge, asked for once a minute; it never speaks and never moves the focus.

    Above a list of calls with a deadline everything that counts them comes with it, and for the
    script the codes of the calls that belong there now: the list itself is left alone.
    """
    expert, now, source = request.expert, database_time.now(), source_of(request)
    if source not in WITH_DEADLINE:
        count = lists.need_count(expert)
        nav = navigation(expert, section="", count=count, now=now)
        return render(request, "bookings/count_answer.html", {"nav": nav})
    context = counters_of(request, now=now, source=source)
    nav = navigation(expert, section="", count=context["need_count"], now=now, source=source)
    response = render(
        request, "bookings/count_answer.html", {**context, "nav": nav, "source": source}
    )
    are_waiting = source == "waiting"
    calls = lists.codes(expert, are_waiting=are_waiting)
    found = context["counters"]
    now_there = {
        "calls": calls,
        "areAll": len(calls) < lists.COUNTED_UP_TO,
        "count": found["waiting" if are_waiting else "need"],
    }
    return trigger_client_event(response, "list:now", now_there)


@quiet_when_signed_out
@expert_required
@require_safe
def fresh_row(request: ExpertRequest, code: str) -> HttpResponse:
    """One row as it is now, for a countdown that has run out, and what the page counts, which
    changes when its time is up."""
    own_booking(request.expert, code)
    source, now = source_of(request), database_time.now()
    html = row_now(request, code, source, now=now)
    if html is None:
        raise Http404("There is no such row.")
    counted = counters_of(request, now=now, source=source)
    return render(request, "bookings/row_answer.html", {**counted, "row": html, "source": source})


# --- how a page answers: all of it, or the part that HTMX asked for -------------------------------

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
    return {"counters": found, "need_count": found["need_count"]}


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


urlpatterns: list[URLPattern] = [
    path("need-action/", need_action, name="need_action"),
    path("need-action/waiting/", waiting, name="waiting"),
    path("need-action/count/", need_count, name="need_count"),
    path("completed-calls/", completed_calls, name="completed_calls"),
    path("upcoming/", upcoming, name="upcoming"),
    path("bookings/<slug:code>/row/", fresh_row, name="booking_row"),
]
