"""What an expert sells, edited by the expert."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from bookings import formats, unsent
from bookings.access import ExpertRequest, expert_required, fills_in_again
from bookings.forms.services import TAKEN, ServiceForm
from bookings.models import Service

MAX_SERVICES = 50


@dataclass(frozen=True, slots=True)
class Line:
    pk: int
    title: str
    about: str
    """45 minutes, ₹2,400."""
    is_shown: bool
    has_place: bool


@require_safe
@expert_required
def services(request: ExpertRequest) -> HttpResponse:
    found = Service.objects.of_expert(request.expert)
    lines = [_line(service) for service in found.order_by("-is_active", "title")]
    context = {"expert": request.expert, "services": lines, "is_full": len(lines) >= MAX_SERVICES}
    return render(request, "accounts/services.html", context)


def _line(service: Service) -> Line:
    price = formats.price(service.price_minor, service.currency)
    return Line(
        pk=service.pk,
        title=service.title,
        about=f"{service.duration_minutes} minutes, {price}",
        is_shown=service.is_active,
        has_place=bool(service.place),
    )


@expert_required
@fills_in_again
def add_service(request: ExpertRequest) -> HttpResponse:
    if Service.objects.of_expert(request.expert).count() >= MAX_SERVICES:
        messages.error(request, f"You have {MAX_SERVICES} services. Change one of them instead.")
        return redirect("services")
    return _edit(request, Service(), "“{}” is added.")


@expert_required
@fills_in_again
def edit_service(request: ExpertRequest, pk: int) -> HttpResponse:
    service = get_object_or_404(Service.objects.of_expert(request.expert), pk=pk)
    return _edit(request, service, "“{}” is saved. Calls that are already booked stay as they are.")


def _edit(request: ExpertRequest, service: Service, done: str) -> HttpResponse:
    old_title = service.title
    typed = unsent.show(request)
    if typed:
        typed["is_active"] = typed.get("is_active", "")  # an empty box is not sent
    posted = request.POST if request.method == "POST" else None
    form = ServiceForm(posted, instance=service, expert=request.expert, initial=typed)
    if (form.is_valid() and _saved(form)) or _was_saved_before(form):
        messages.success(request, done.format(str(form["title"].value()).strip()))
        return redirect("services")
    context = {"form": form, "expert": request.expert, "old_title": old_title}
    return render(request, "accounts/service.html", context, status=422 if form.errors else 200)


def _saved(form: ServiceForm) -> bool:
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:  # another window was faster with the same title
        form.add_error("title", TAKEN)
        return False
    return True


def _was_saved_before(form: ServiceForm) -> bool:
    """The second press of an impatient finger: what it asks for is there."""
    if form.instance.pk or list(form.errors) != ["title"]:
        return False
    wanted = {name: form.cleaned_data.get(name) for name in form.Meta.fields if name != "title"}
    wanted |= {"title": form["title"].value(), "price_minor": form.instance.price_minor}
    return Service.objects.of_expert(form.instance.expert).filter(**wanted).exists()


urlpatterns: list[URLPattern] = [
    path("account/services/", services, name="services"),
    path("account/services/add/", add_service, name="add_service"),
    path("account/services/<int:pk>/", edit_service, name="edit_service"),
]
