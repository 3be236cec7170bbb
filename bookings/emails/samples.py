"""One rendered sample of every e-mail, from rows that are taken back at once.

Maya sells calls and lives in Kolkata; Lena lives in Berlin. Nothing is sent and nothing stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from bookings.emails.case import MailCase
from bookings.emails.kinds import KINDS, Audience
from bookings.emails.letter import Rendered
from bookings.emails.rendering import render_case
from bookings.emails.scenes import SCENES, Scene
from bookings.emails.stage import Stage


@dataclass(frozen=True, slots=True)
class Sample:
    """`name` is the kind, with a variant where a kind has several texts."""

    name: str
    kind: str
    rendered: Rendered
    is_still_true: bool
    """whether delivery would send it in the state it was made from"""
    facts: dict[str, Any] = field(default_factory=dict)


def samples(*, now: datetime) -> Iterator[Sample]:
    """A sample per kind and variant; first the follower's, then the expert's, then staff's."""
    for name in sorted(SCENES, key=lambda name: Audience.values.index(KINDS[_kind(name)].audience)):
        with transaction.atomic():
            sample = _sample(name, SCENES[name], now=now)
            transaction.set_rollback(True)
        yield sample


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _sample(name: str, scene: Scene, *, now: datetime) -> Sample:
    kind = KINDS[_kind(name)]
    stage = Stage.with_a_past_call(now=now - timedelta(minutes=1))
    event, facts = scene(stage)
    for purpose in ("pick", "report", "contest", "status"):
        stage.ensure_link(purpose)
    booking = stage.reloaded() if stage.is_about_a_booking else None
    if booking is not None and event is not None:
        event.booking = booking
    case = MailCase.of(kind.audience, booking, event, facts, now)
    return Sample(
        name=name,
        kind=kind.name,
        rendered=render_case(kind.name, case),
        is_still_true=kind.is_still_true(case),
        facts=facts,
    )
