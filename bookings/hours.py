"""Changes when an expert can be booked: each function writes checked hours in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction

from bookings.free_times import Spell
from bookings.models import DateOverride, Expert, WeeklyHours


def replace_week(expert: Expert, spells: Iterable[tuple[int, Spell]]) -> None:
    """Replace all weekly hours by `spells`, which are (weekday, (start, end))."""
    with transaction.atomic():
        _lock(expert)
        expert.weekly_hours.all().delete()
        WeeklyHours.objects.bulk_create(
            WeeklyHours(expert=expert, weekday=weekday, starts_local=starts, ends_local=ends)
            for weekday, (starts, ends) in spells
        )


def set_date(expert: Expert, day: date, spell: Spell | None) -> None:
    """Add hours on one date, or make it a day off with None. A day off replaces the hours of that
    date, and hours replace a day off."""
    starts, ends = spell or (None, None)
    with transaction.atomic():
        _lock(expert)
        there = expert.date_overrides.filter(date=day)
        (there.filter(starts_local__isnull=True) if spell else there).delete()
        DateOverride.objects.create(expert=expert, date=day, starts_local=starts, ends_local=ends)


def forget_date(expert: Expert, override_id: int) -> bool:
    """Remove one date. False when the expert has no such date."""
    removed, _ = expert.date_overrides.filter(pk=override_id).delete()
    return bool(removed)


def own_hours_by_date(expert: Expert) -> dict[date, list[Spell]]:
    """The hours of each date that has its own. Days off are left out."""
    found: dict[date, list[Spell]] = {}
    for override in expert.date_overrides.all():
        if override.starts_local is not None and override.ends_local is not None:
            spell = (override.starts_local, override.ends_local)
            found.setdefault(override.date, []).append(spell)
    return found


def _lock(expert: Expert) -> None:
    """Without the lock, two tabs that save at once could leave the hours of both."""
    Expert.objects.select_for_update(no_key=True).get(pk=expert.pk)
