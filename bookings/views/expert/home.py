"""The root address sends everybody to where they work."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from bookings.access import expert_of
from bookings.views.pages import landing


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if expert_of(request) is not None:
        return redirect("need_action")
    if request.user.is_authenticated and request.user.is_staff:
        return redirect("admin:index")
    return landing(request)
