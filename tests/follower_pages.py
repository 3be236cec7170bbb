"""Steps that the tests of a follower's pages share."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from bookings import links
from bookings.models import Booking


def address(booking: Booking, purpose: str, name: str = "") -> str:
    """The path of the newest link of a purpose, made if there is none."""
    link = links.ensure(booking, purpose, now=timezone.now())
    return reverse(name or purpose, kwargs={"token": links.token(link)})


def read(response: HttpResponse) -> str:
    """What a person sees: the text without tags, spaces made one."""
    body = re.sub(r"(?s)<(script|style)\b.*?</\1>|<!--.*?-->", " ", response.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours, and the sessions."""
    wanted: list[type[Model]] = [
        *apps.get_app_config("bookings").get_models(),
        *apps.get_app_config("sessions").get_models(),
    ]
    return {
        model._meta.db_table: list(model._default_manager.order_by("pk").values_list())
        for model in wanted
    }


__all__ = ["address", "all_rows", "read"]
