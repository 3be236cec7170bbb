"""The floor: what any page of a signed-in user costs with Django and this middleware.

Three queries (session, user, one row by its key) and a template of about 480 bytes with a base.
Session and user come from Django's own backends, not from ours, which are part of what is measured.
Every page is measured as a multiple of it, in the same run.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bookings.models import Expert


def minimal(request: HttpRequest) -> HttpResponse:
    request.session = SessionStore(request.session.session_key)
    return _of_the_reader(request)


@login_required
def _of_the_reader(request: HttpRequest) -> HttpResponse:
    expert = Expert.objects.get(user=request.user)  # type: ignore[misc]
    return render(request, "benchmarks/minimal.html", {"expert": expert})
