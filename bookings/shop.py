"""What experts sell with, and how they change it: public address, photo, pause and services.

A change applies to later bookings only: each booking keeps what it was made with.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.text import slugify

from bookings import photos
from bookings.models import Expert, FormerAddress, Service, longest

MOST_SERVICES = 50
RANDOM_BYTES = 4
"""In the address of somebody whose name is taken a hundred times, such as all that have no Latin
letter and become "expert"."""
MOST_QUESTIONS = 3


# --- the public address ---------------------------------------------------------------------------


def public_url(expert: Expert) -> str:
    return settings.SITE_URL + reverse("shop", kwargs={"slug": expert.slug})


def is_address_free(slug: str, *, expert: Expert | None = None) -> bool:
    """Whether nobody uses this address or used it before, in any spelling. `expert` may go back to
    one of theirs."""
    pk = expert.pk if expert else 0
    if Expert.objects.filter(slug__iexact=slug).exclude(pk=pk).exists():
        return False
    return not FormerAddress.objects.filter(slug__iexact=slug).exclude(expert=pk).exists()


def free_address(name: str) -> str:
    """The last part of a public address made of a name: maya-fernandes or maya-fernandes-2."""
    ending = 1 + 2 * RANDOM_BYTES
    base = slugify(name)[: longest(Expert, "slug") - ending] or "expert"
    numbers = (f"{base}-{number}" for number in range(2, 100))
    free = (slug for slug in (base, *numbers) if is_address_free(slug))
    return next(free, f"{base}-{secrets.token_hex(RANDOM_BYTES)}")


def change_address(expert: Expert, slug: str) -> None:
    """The earlier address keeps leading to the expert. Raises IntegrityError when somebody else
    has this one."""
    with transaction.atomic():
        locked = Expert.objects.select_for_update(no_key=True).get(pk=expert.pk)
        if locked.slug != slug:
            if not is_address_free(slug, expert=expert):
                raise IntegrityError(f"Somebody else has had {slug} since.")
            FormerAddress.objects.filter(expert=expert, slug=slug).delete()
            FormerAddress.objects.create(expert=expert, slug=locked.slug)
            Expert.objects.filter(pk=expert.pk).update(slug=slug)
    expert.slug = slug


def moved_to(slug: str) -> str:
    """The address that `slug` leads to now: it was changed, or is written with other capitals.
    Empty if it was never anybody's."""
    if slug != slug.lower() and Expert.objects.selling().filter(slug=slug.lower()).exists():
        return slug.lower()
    former = FormerAddress.objects.filter(slug=slug.lower(), expert__user__is_active=True)
    return former.values_list("expert__slug", flat=True).first() or ""


# --- photo and pause ------------------------------------------------------------------------------


def replace_photo(expert: Expert, name: str) -> None:
    """Show the photo `name`, or none when it is empty. The files of the earlier one are deleted."""
    with transaction.atomic():
        before = Expert.objects.select_for_update(no_key=True).get(pk=expert.pk).photo
        Expert.objects.filter(pk=expert.pk).update(photo=name)
        if before and before != name:
            transaction.on_commit(lambda: photos.forget(before))
    expert.photo = name


def pause(expert: Expert, *, is_paused: bool) -> None:
    """Stop taking new bookings, or take them again. Calls that are booked take place."""
    Expert.objects.filter(pk=expert.pk).update(is_paused=is_paused)
    expert.is_paused = is_paused


# --- services -------------------------------------------------------------------------------------


def move(service: Service, *, by: int) -> None:
    """Move a service up (-1) or down (1) by one place in the expert's own order."""
    with transaction.atomic():
        Expert.objects.select_for_update(no_key=True).get(pk=service.expert_id)
        others = list(Service.objects.of_expert(service.expert).in_order())
        here = others.index(service)
        there = min(max(here + by, 0), len(others) - 1)
        others.insert(there, others.pop(here))
        for position, other in enumerate(others, 1):
            if other.position != position:
                Service.objects.filter(pk=other.pk).update(position=position)


def last_position(expert: Expert) -> int:
    """Where a new service goes: after the others, once the expert has put them in an order. 0 until
    then, when they are sorted by length and price."""
    last = Service.objects.of_expert(expert).aggregate(last=Max("position"))["last"] or 0
    return last + 1 if last else 0


def duplicate(service: Service) -> Service:
    """A hidden copy of a service, with a title that the expert does not use yet."""
    titles = set(Service.objects.of_expert(service.expert).values_list("title", flat=True))
    endings = (" (copy)", *(f" (copy {number})" for number in range(2, MOST_SERVICES + 2)))
    most = longest(Service, "title")
    named = (service.title[: most - len(ending)] + ending for ending in endings)
    columns = {
        field.attname: getattr(service, field.attname)
        for field in Service._meta.concrete_fields
        if not field.primary_key
    }
    columns |= {
        "title": next(title for title in named if title not in titles),
        "is_active": False,
        "position": last_position(service.expert),
    }
    return Service.objects.create(**columns)


# --- the first steps ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """Something a new expert does. `page` is the name of the page on which they do it."""

    text: str
    page: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class FirstSteps:
    steps: tuple[Step, ...]
    is_ready: bool
    """Only the last step is left, sharing the page. We cannot see whether that is done."""


def first_steps(expert: Expert) -> FirstSteps:
    """The way to a first booking: what is done, and what is left."""
    is_selling = Service.objects.for_sale().of_expert(expert).exists()
    is_described = bool(expert.headline or expert.about or expert.photo)
    steps = (
        Step("Introduce yourself with a photo and a few words", "profile", is_described),
        Step("Check the hours in which you can be booked", "availability", _has_hours(expert)),
        Step("Add the first call that you sell", "services", is_selling),
    )
    is_ready = all(step.is_done for step in steps)
    return FirstSteps((*steps, Step("Share the address of your page", "share", False)), is_ready)


def _has_hours(expert: Expert) -> bool:
    return expert.weekly_hours.exists() or expert.date_overrides.exists()


def end_first_steps(expert: Expert) -> None:
    Expert.objects.filter(pk=expert.pk).update(is_new=False)
    expert.is_new = False
