"""What all private pages share: reading the link, and what a link that is over shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from bookings import clocks, database_time, formats, links, rules
from bookings.models import Booking, PrivateLink
from bookings.presenters import follower_pages as present
from bookings.states import Actor, ActorKind, TransitionNotAllowed, Verb
from bookings.wording.case import Case, for_follower

Purpose = links.Purpose
FOLLOWER = Actor(ActorKind.FOLLOWER)


@dataclass(frozen=True, slots=True)
class Visit:
    """A genuine, live link, the token it came with, and when it was opened."""

    request: HttpRequest
    link: PrivateLink
    token: str
    now: datetime

    @property
    def booking(self) -> Booking:
        return self.link.booking

    def refusal(self, verb: Verb) -> TransitionNotAllowed | None:
        """Why the page does not offer this; whoever sends it all the same asks the verb itself."""
        return rules.not_shown(self.booking, verb, FOLLOWER, now=self.now)

    def allows(self, verb: Verb) -> bool:
        return self.refusal(verb) is None

    def may_pick(self) -> bool:
        return self.allows(Verb.PICK_TIME) or self.allows(Verb.MOVE_INSTEAD)

    def case(self) -> Case:
        return for_follower(self.booking, now=self.now)

    def address(self, name: str) -> str:
        return reverse(name, kwargs={"token": self.token})


def private(
    purpose: str, *, methods: tuple[str, ...] = ("GET", "HEAD", "POST")
) -> Callable[[Callable[[Visit], HttpResponse]], Callable[..., HttpResponse]]:
    """Turn `view(visit)` into a page behind links of one purpose.

    Malformed, unknown and wrong purpose are one and the same 404. A link that was superseded or
    has expired answers 410 with where the booking stands; it never acts. A verb that refuses what
    was sent is answered with its sentence.
    """

    def decorate(view: Callable[[Visit], HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        @require_http_methods(methods)
        def wrapped(request: HttpRequest, token: str) -> HttpResponse:
            link = read_or_404(token, purpose)
            visit = Visit(request, link, token, database_time.now())
            if not links.is_live(link, now=visit.now):
                return gone(visit)
            try:
                return view(visit)
            except TransitionNotAllowed as no:
                return refused(visit, no.sentence)

        return wrapped

    return decorate


def read_or_404(token: str, purpose: str) -> PrivateLink:
    link = links.read(token, purpose)
    if link is None:
        raise Http404("no such private link")
    return link


def page(
    visit: Visit, template: str, *, status: int = 200, case: Case | None = None, **context: Any
) -> HttpResponse:
    """A private page: whose it is stands on top, and what it is about is in `case`."""
    context |= {
        "case": case or visit.case(),
        "true_until": _true_until(visit),
        "private_for": visit.booking.buyer.first_name,
        "booking": visit.booking,
        "token": visit.token,
    }
    return render(visit.request, f"follower/{template}", context, status=status)


def _true_until(visit: Visit) -> str:
    """When what the page says is over though nobody has done anything."""
    return formats.utc_iso(clocks.next_change_at(visit.booking, visit.now))


def where_it_stands(visit: Visit, case: Case) -> dict[str, Any]:
    """The booking as it is, and a way to the newest link."""
    return {
        "case": case,
        "standing": present.standing(case),
        "wanted": wanted(visit.booking, now=visit.now),
        "purpose": visit.link.purpose,
    }


def gone(visit: Visit) -> HttpResponse:
    """Where the booking stands without anything personal, and a way to the newest link."""
    case = visit.case()
    context = {
        **where_it_stands(visit, case),
        "ended": present.link_ended(case, visit.link),
        "token": visit.token,
        "true_until": _true_until(visit),
    }
    return render(visit.request, "follower/gone.html", context, status=410)


def outcome(visit: Visit, *, status: int = 200, refusal: str = "") -> HttpResponse:
    """The link has done its work, or cannot do it now: show where the booking stands."""
    can_go_on = visit.link.purpose == Purpose.PICK and visit.may_pick()
    return page(
        visit,
        "status.html",
        status=status,
        pick_url=visit.address("pick") if can_go_on else "",
        refusal=refusal or ("" if can_go_on else present.unused_pick(visit.link)),
        is_refused=bool(refusal),
        **where_it_stands(visit, visit.case()),
    )


def refused(visit: Visit, sentence: str) -> HttpResponse:
    """A button came too late: why, and the fresh state."""
    visit.booking.refresh_from_db()
    return outcome(visit, status=409, refusal=sentence)


def wanted(booking: Booking, *, now: datetime) -> str:
    """The purpose that is of use now: what the follower may do, else where things stand."""
    for verb, purpose in (
        (Verb.PICK_TIME, Purpose.PICK),
        (Verb.CONTEST, Purpose.CONTEST),
        (Verb.REPORT_NO_SHOW, Purpose.REPORT),
        (Verb.WITHDRAW_REPORT, Purpose.REPORT),
    ):
        if rules.shows(booking, verb, FOLLOWER, now=now):
            return purpose.value
    return Purpose.STATUS.value


def ensure_live(booking: Booking, purpose: str, *, now: datetime) -> PrivateLink:
    """The current link for a purpose; a new one where there is none or it has expired."""
    try:
        with transaction.atomic():
            link = links.ensure(booking, purpose, now=now)
            return link if links.is_live(link, now=now) else links.issue(booking, purpose, now=now)
    except IntegrityError:  # another request of the same follower has just made it
        return links.ensure(booking, purpose, now=now)


def redirect_to(booking: Booking, purpose: str, *, now: datetime) -> HttpResponse:
    """To the page of another purpose of the same booking; only ever after a POST."""
    link = ensure_live(booking, purpose, now=now)
    return redirect(reverse(purpose, kwargs={"token": links.token(link)}))
