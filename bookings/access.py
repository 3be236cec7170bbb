"""Who may see an expert's page: a signed-in expert, and only their own bookings."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from bookings import lifecycle
from bookings.models import Booking, Expert

P = ParamSpec("P")


class ExpertRequest(HttpRequest):
    """What a view behind `expert_required` gets."""

    expert: Expert


class OnlyForExperts(Http404):
    """Somebody is signed in, and their account has no expert profile: the page says so."""


def expert_required(
    view: Callable[Concatenate[ExpertRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Only for experts; strangers are sent to the sign-in page, and staff finds no such page."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        expert = expert_of(request)
        if expert is None:
            if request.user.is_authenticated:  # signing in again would lead here again
                raise OnlyForExperts("Only experts have this page.")
            return _to_sign_in(request)
        request.expert = expert  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return wrapped


def quiet_when_signed_out(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """For what a page asks by itself: a session that ended must not take away what is typed."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if getattr(request, "htmx", None) and expert_of(request) is None:
            return HttpResponse(status=204)
        return view(request, *args, **kwargs)

    return wrapped


def expert_of(request: HttpRequest) -> Expert | None:
    """The signed-in expert; None for staff without an expert and for strangers."""
    if not request.user.is_authenticated:
        return None
    try:
        return request.user.expert
    except Expert.DoesNotExist:
        return None


def own_booking(expert: Expert, code: str) -> Booking:
    """The expert's booking of this code; anything else does not exist for them."""
    booking = lifecycle.Own(expert, code).find()
    if booking is None:
        raise Http404("No booking of yours has this code.")
    return booking


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A fragment cannot show a sign-in form, so HTMX is told to leave the page."""
    htmx = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path(), resolve_url("sign_in"))
    back_to = htmx.current_url_abs_path or resolve_url("home")
    to_sign_in = redirect_to_login(back_to, resolve_url("sign_in"))
    return HttpResponseClientRedirect(to_sign_in.headers["Location"])
