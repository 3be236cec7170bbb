"""The pages on which experts edit their profile and services and share their public address."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape

import segno
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST, require_safe

from bookings import formats, photos, places, shop, unsent
from bookings.access import ExpertRequest, expert_required, fills_in_again
from bookings.forms.shop import SOMEBODY_ELSES, TAKEN, ProfileForm, ServiceForm
from bookings.models import Expert, PlaceKind, Service, longest
from bookings.presenters import buying

# --- the profile ----------------------------------------------------------------------------------


@expert_required
@fills_in_again
def profile(request: ExpertRequest) -> HttpResponse:
    expert = Expert.objects.select_related("user").get(pk=request.expert.pk)
    if request.method == "POST":
        form = ProfileForm(request.POST, request.FILES, instance=expert)
        if form.is_valid() and _saved_profile(form):
            messages.success(request, "Your public page has been saved.")
            return redirect("profile")
    else:
        form = ProfileForm(instance=expert, initial=unsent.show(request))
    context = {
        "form": form,
        "expert": request.expert,
        "host": buying.host(request.expert),
        "address": _without_slug(request.expert),
    }
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)


def _without_slug(expert: Expert) -> str:
    """What stands before the part of the address that can be chosen: calls.example.org/with/."""
    return places.without_scheme(shop.public_url(expert)).removesuffix(f"{expert.slug}/")


def _saved_profile(form: ProfileForm) -> bool:
    expert = form.instance
    try:
        with transaction.atomic():
            expert.save(update_fields=form.Meta.fields)
            shop.change_address(expert, form.cleaned_data["slug"])
            if form.photo_name:
                shop.replace_photo(expert, form.photo_name)
            elif form.cleaned_data["removes_photo"]:
                shop.replace_photo(expert, "")
    except IntegrityError:  # somebody else was faster with the same address
        form.add_error("slug", SOMEBODY_ELSES)
        photos.forget(form.photo_name)
        return False
    return True


@require_POST
@expert_required
def preview_profile(request: ExpertRequest) -> HttpResponse:
    """The public page as it would look with what is typed. Nothing is saved."""
    expert = request.expert
    for name in ProfileForm.Meta.fields:
        typed = request.POST.get(name, "").strip()
        setattr(expert, name, typed[: longest(Expert, name)])
    return render(request, "buying/_host.html", {"host": buying.host(expert), "level": "p"})


# --- services -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One service in the expert's list."""

    pk: int
    title: str
    about: str
    """45 minutes, ₹2,400."""
    where: str
    is_shown: bool
    is_sold: bool
    """Buyers can book it: it is shown, and says where the call takes place."""


@require_safe
@expert_required
def services(request: ExpertRequest) -> HttpResponse:
    found = Service.objects.of_expert(request.expert).select_related("expert").in_order()
    lines = [_line(service) for service in found]
    context = {
        "expert": request.expert,
        "services": lines,
        "is_full": len(lines) >= shop.MOST_SERVICES,
    }
    return render(request, "accounts/services.html", context)


def _line(service: Service) -> Line:
    price = formats.price(service.price_minor, service.currency)
    return Line(
        pk=service.pk,
        title=service.title,
        about=f"{service.duration_minutes} minutes, {price}",
        where=service.get_place_kind_display(),
        is_shown=service.is_active,
        is_sold=service.is_active and service.says_where,
    )


@expert_required
@fills_in_again
def add_service(request: ExpertRequest) -> HttpResponse:
    if _has_no_room(request):
        return redirect("services")
    return _edit(request, Service(place_kind=PlaceKind.ROOM), "“{title}” has been added.")


def _has_no_room(request: ExpertRequest) -> bool:
    """Whether the expert has as many services as they may have; a message then says so."""
    if Service.objects.of_expert(request.expert).count() < shop.MOST_SERVICES:
        return False
    messages.error(
        request,
        f"You already have {shop.MOST_SERVICES} services, which is the limit. Change one of them "
        "instead.",
    )
    return True


def _own(request: ExpertRequest, pk: int) -> Service:
    services = Service.objects.of_expert(request.expert).select_related("expert")
    return get_object_or_404(services, pk=pk)


@expert_required
@fills_in_again
def edit_service(request: ExpertRequest, pk: int) -> HttpResponse:
    done = "“{title}” has been saved. Calls that are already booked stay as they are."
    return _edit(request, _own(request, pk), done)


def _edit(request: ExpertRequest, service: Service, done: str) -> HttpResponse:
    old_title = service.title
    typed = unsent.show(request)
    if typed:  # browsers do not send a box that is not checked
        boxes = ("is_active", *(f"is_required_{number}" for number in range(shop.MOST_QUESTIONS)))
        typed |= {name: typed.get(name, "") for name in boxes}
    posted = request.POST if request.method == "POST" else None
    form = ServiceForm(posted, instance=service, expert=request.expert, initial=typed)
    if (form.is_valid() and _saved(form)) or _was_saved_before(form):
        messages.success(request, done.format(title=str(form["title"].value()).strip()))
        return redirect("services")
    context = {
        "form": form,
        "expert": request.expert,
        "old_title": old_title,
        "shown": buying.offered(service) if service.pk else None,
        "questions": service.asked,
    }
    return render(request, "accounts/service.html", context, status=422 if form.errors else 200)


@require_POST
@expert_required
def preview_service(request: ExpertRequest) -> HttpResponse:
    """The service as buyers would see it with what is typed. Nothing is saved."""
    form = ServiceForm(request.POST, instance=Service(pk=0), expert=request.expert)
    form.is_valid()
    service = form.instance
    service.title = service.title or form.data.get("title", "")[: longest(Service, "title")]
    is_enough = all((service.title, service.duration_minutes, service.price_minor is not None))
    shown = buying.offered(service) if is_enough and service.currency else None
    context = {"service": shown, "questions": service.asked}
    return render(request, "accounts/_service_preview.html", context)


def _saved(form: ServiceForm) -> bool:
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:  # another window was faster with the same title
        form.add_error("title", TAKEN)
        return False
    return True


def _was_saved_before(form: ServiceForm) -> bool:
    """Whether a second click on Save sent the form again, so that the service exists already."""
    if form.instance.pk or list(form.errors) != ["title"]:
        return False
    wanted = {name: form.cleaned_data.get(name) for name in form.Meta.fields if name != "title"}
    wanted |= {"title": form["title"].value(), "price_minor": form.instance.price_minor}
    return Service.objects.of_expert(form.instance.expert).filter(**wanted).exists()


@require_POST
@expert_required
def change_service(request: ExpertRequest, pk: int, change: str) -> HttpResponse:
    """One of the buttons in the list of services was pressed."""
    service = _own(request, pk)
    match change:
        case "up" | "down":
            shop.move(service, by=-1 if change == "up" else 1)
        case "hide":
            Service.objects.filter(pk=pk).update(is_active=False)
            messages.success(request, f"“{service.title}” is hidden now. Nobody can book it.")
        case "show":
            return _show(request, service)
        case "duplicate":
            if not _has_no_room(request):
                copy = shop.duplicate(service)
                messages.success(request, "This is the copy. It is hidden until you show it.")
                return redirect("edit_service", pk=copy.pk)
    return redirect("services")


def _show(request: ExpertRequest, service: Service) -> HttpResponse:
    """Show a hidden service, if it passes the checks of the form for a service on sale."""
    service.is_active = True
    form = ServiceForm(instance=service, expert=request.expert)
    form = ServiceForm(
        {name: field.value() for name in form.fields if (field := form[name]).value()},
        instance=service,
        expert=request.expert,
    )
    if not form.is_valid():
        messages.error(request, " ".join(str(s) for found in form.errors.values() for s in found))
        return redirect("edit_service", pk=service.pk)
    Service.objects.filter(pk=service.pk).update(is_active=True)
    messages.success(request, f"“{service.title}” is now shown on your public page.")
    return redirect("services")


@require_POST
@expert_required
def pause(request: ExpertRequest) -> HttpResponse:
    is_paused = request.POST.get("pause") == "yes"
    shop.pause(request.expert, is_paused=is_paused)
    messages.success(
        request,
        "New bookings are paused. Calls that are already booked take place."
        if is_paused
        else "People can book calls with you again.",
    )
    return redirect("services")


# --- the address to share -------------------------------------------------------------------------


@require_safe
@expert_required
def share(request: ExpertRequest) -> HttpResponse:
    url = shop.public_url(request.expert)
    embed_url = settings.SITE_URL + reverse("embed", kwargs={"slug": request.expert.slug})
    context = {
        "expert": request.expert,
        "url": url,
        "qr": qr_picture(url),
        "button": _button(request.expert, url),
        "embeds": settings.EMBED_FROM,
        "frame": f'<iframe src="{embed_url}" title="Book a call" width="100%" height="480">'
        "</iframe>",
    }
    return render(request, "accounts/share.html", context)


def qr_picture(url: str, *, is_fluid: bool = False) -> SafeString:
    """The address as a QR code, dark on white in both themes: some cameras read no other. A fluid
    one is as wide as there is room."""
    svg = segno.make(url, error="m").svg_inline(
        scale=5, border=4, light="#fff", dark="#1d1b18", omitsize=is_fluid
    )
    return mark_safe(svg)


def _button(expert: Expert, url: str) -> str:
    """HTML of a link that looks like a button on any site."""
    style = (
        "display:inline-block;padding:12px 20px;border-radius:10px;background:#2f55d4;color:#fff;"
        "font:600 16px/1.2 system-ui,sans-serif;text-decoration:none"
    )
    return f'<a href="{url}" style="{style}">Book a call with {escape(expert.name)}</a>'


@require_safe
@expert_required
def qr_code(request: ExpertRequest) -> HttpResponse:
    """The QR code as a file that can be printed in any size."""
    file = io.BytesIO()
    segno.make(shop.public_url(request.expert), error="m").save(file, kind="svg", scale=20)
    headers = {"Content-Disposition": f'attachment; filename="{request.expert.slug}.svg"'}
    return HttpResponse(file.getvalue(), content_type="image/svg+xml", headers=headers)


@require_POST
@expert_required
def end_first_steps(request: ExpertRequest) -> HttpResponse:
    shop.end_first_steps(request.expert)
    return redirect("need_action")


urlpatterns: list[URLPattern] = [
    path("account/profile/", profile, name="profile"),
    path("account/profile/preview/", preview_profile, name="preview_profile"),
    path("account/services/", services, name="services"),
    path("account/services/add/", add_service, name="add_service"),
    path("account/services/preview/", preview_service, name="preview_service"),
    path("account/services/pause/", pause, name="pause"),
    path("account/services/<int:pk>/", edit_service, name="edit_service"),
    *(
        path(
            f"account/services/<int:pk>/{change}/",
            change_service,
            {"change": change},
            name=f"{change}_service",
        )
        for change in ("up", "down", "hide", "show", "duplicate")
    ),
    path("account/share/", share, name="share"),
    path("account/share/qr.svg", qr_code, name="qr_code"),
    path("account/first-steps/", end_first_steps, name="end_first_steps"),
]
