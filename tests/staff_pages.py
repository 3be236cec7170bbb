"""Steps that the tests of the admin share."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Expert, Refund, RefundState
from bookings.states import State
from tests.builders import make_in_state


def url(row: Model, page: str = "change") -> str:
    return reverse(f"admin:bookings_{row._meta.model_name}_{page}", args=[row.pk])


def act(
    client: Client, rows: list[Any], action: str, reason: str = "Both agreed.", **more: str
) -> str:
    """Press the button of the page that asks for the reason; the messages it leaves."""
    address = reverse(f"admin:bookings_{rows[0]._meta.model_name}_act", args=[action])
    ids = ",".join(str(row.pk) for row in rows)
    form = client.get(f"{address}?ids={ids}")
    key = re.search(r'name="request_key" value="([^"]+)"', form.content.decode())
    assert key is not None, form.content.decode()
    data = {"ids": ids, "request_key": key[1], "reason": reason, **more}
    response = client.post(address, data, follow=True)
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def declined() -> Refund:
    """A refund the provider has refused for good."""
    booking = make_in_state(State.REFUNDED)
    Refund.objects.filter(booking=booking).update(
        state=RefundState.DECLINED, next_attempt_at=None, finished_at=timezone.now()
    )
    return Refund.objects.get(booking=booking)


def expert_form(expert: Expert, **rows: str) -> dict[str, str]:
    """What the page of an expert sends; `rows` are fields of its tables."""
    form = {"name": expert.name, "slug": expert.slug, "user": str(expert.user_id)}
    form |= {"time_zone": "Europe/Berlin", "clock": "24", "step_minutes": "30"}
    form |= {"buffer_minutes": "0", "min_notice_minutes": "0", "window_days": "21"}
    for prefix in ("services", "weekly_hours"):
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    return {**form, **rows}


def shown(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send from a page of the admin when nothing is changed on it."""
    page = client.get(address).content.decode()
    form = {}
    for tag in re.findall(r"<input[^>]*>", page):
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = named.get("type") == "checkbox" and " checked" not in tag
        if "name" in named and not is_off and named.get("type") != "submit":
            usual = "on" if named.get("type") == "checkbox" else ""
            form[named["name"]] = named.get("value", usual)
    for name, options in re.findall(r'<select name="([^"]+)"(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        form[name] = chosen[1] if chosen else ""
    return form
