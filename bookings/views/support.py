"""An expert asks staff for help and reads the answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bookings import database_time, helpdesk, unsent
from bookings.access import ExpertRequest, expert_required, fills_in_again
from bookings.forms.support import SupportForm
from bookings.presenters.support import request_rows


@require_http_methods(["GET", "HEAD", "POST"])
@expert_required
@fills_in_again
def support(request: ExpertRequest) -> HttpResponse:
    if request.method == "POST":
        return _ask(request)
    # A code that is not the expert's own is not repeated, as if it did not exist.
    asked = {"code": request.GET.get("booking", ""), **unsent.show(request)}
    form = SupportForm(expert=request.expert, initial=asked)
    if form.own_booking(form.initial["code"]) is None:
        form.initial["code"] = ""
    return _page(request, form)


def _ask(request: ExpertRequest) -> HttpResponse:
    form = SupportForm(request.POST, expert=request.expert)
    if not form.is_valid():
        return _page(request, form)
    data = form.cleaned_data
    try:
        helpdesk.ask(
            request.expert,
            subject=data["subject"],
            message=data["message"],
            booking=form.booking,
            now=database_time.now(),
        )
    except helpdesk.TooManyRequests:
        form.add_error(None, "You have sent many requests today. Answer to one of our e-mails.")
        return _page(request, form)
    messages.success(request, f"We have your request. We answer to {request.expert.user.email}.")
    return redirect("support")


def _page(request: ExpertRequest, form: SupportForm) -> HttpResponse:
    context = {
        "form": form,
        "requests": request_rows(request.expert, now=database_time.now()),
        "section": "account",
    }
    return render(request, "pages/support.html", context, status=422 if form.errors else 200)


urlpatterns: list[URLPattern] = [path("support/", support, name="support")]
