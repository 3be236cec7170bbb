"""Who may see an expert's page: a signed-in expert, and only their own bookings."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from bookings import lifecycle, unsent
from bookings.models import Booking, Expert

P = ParamSpec("P")
View = TypeVar("View", bound=Callable[..., HttpResponse])


class ExpertRequest(HttpRequest):
    """What a view behind `expert_required` gets."""

    expert: Expert


def fills_in_again(view: View) -> View:
    """Marks a view whose form can show what was typed into it before its reader was signed out."""
    view.fills_in_again = True  # type: ignore[attr-defined]
    return view


def does_fill_in_again(view: object) -> bool:
    return getattr(view, "fills_in_again", False)


class OnlyForExperts(Http404):
    """The account that is signed in has no expert profile. The page shown for this says so."""


def expert_required(
    view: Callable[Concatenate[ExpertRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Only experts get to the view. Visitors are sent to the sign-in page; staff gets a 404."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        expert = expert_of(request)
        if expert is None:
            if request.user.is_authenticated:  # signing in again would lead here again
                raise OnlyForExperts("Only experts have this page.")
            return _to_sign_in(request, has_form=does_fill_in_again(view))
        request.expert = expert  # type: ignore[attr-defined]
        return _telling_of_unsent(view, request, *args, **kwargs)

    return wrapped


def sign_in_required(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """For everybody with an account, experts or not."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return _to_sign_in(request, has_form=does_fill_in_again(view))
        return _telling_of_unsent(view, request, *args, **kwargs)

    return wrapped


def _telling_of_unsent(
    view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any
) -> HttpResponse:
    """After signing in again: what was typed is there, or it is said that it is lost."""
    kept = unsent.read(request)
    if kept is None:
        return view(request, *args, **kwargs)
    request.unsent = kept  # type: ignore[attr-defined]
    is_form = does_fill_in_again(view)
    if not is_form:
        unsent.tell(request, kept, is_there=False)
    response = view(request, *args, **kwargs)
    if is_form and not kept.is_shown:  # the booking has moved on, and the form with it
        unsent.tell(request, kept, is_there=False)
    unsent.forget(response)
    return response


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


def _to_sign_in(request: HttpRequest, *, has_form: bool) -> HttpResponse:
    """A fragment cannot show a sign-in form, so HTMX is told to leave the page. Whoever has sent a
    form comes back to it, and finds what they typed."""
    htmx, is_sent = getattr(request, "htmx", None), request.method == "POST"
    back_to = request.get_full_path()
    if htmx and not (is_sent and has_form):
        back_to = htmx.current_url_abs_path or resolve_url("home")
    response: HttpResponse = redirect_to_login(back_to, resolve_url("sign_in"))
    if htmx:
        response = HttpResponseClientRedirect(response.headers["Location"])
    if is_sent:
        unsent.keep(request, response, path=urlsplit(back_to).path)
    return response
