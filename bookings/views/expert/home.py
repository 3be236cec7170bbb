"""The root address sends everybody to where they work."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from bookings.access import expert_of
from bookings.views.pages import landing, no_profile


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if expert_of(request) is not None:
        return redirect("need_action")
    if not request.user.is_authenticated:
        return landing(request)
    return redirect("admin:index") if request.user.is_staff else no_profile(request)


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """The way from the admin to the site: an expert's own desk, else what visitors may open."""
    if expert_of(request) is not None or not request.user.is_authenticated:
        return redirect("home")
    return no_profile(request)
