"""Change when an expert can be booked. Checked hours in, rows out; each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction

from bookings.free_times import Spell
from bookings.models import DateOverride, Expert, WeeklyHours


def replace_week(expert: Expert, spells: Iterable[tuple[int, Spell]]) -> None:
    """`spells` are (weekday, (start, end)); what was there before is gone."""
    with transaction.atomic():
        _lock(expert)
        expert.weekly_hours.all().delete()
        WeeklyHours.objects.bulk_create(
            WeeklyHours(expert=expert, weekday=weekday, starts_local=starts, ends_local=ends)
            for weekday, (starts, ends) in spells
        )


def set_date(expert: Expert, day: date, spell: Spell | None) -> None:
    """Add hours on one date; None makes it a day off. Either replaces the other."""
    starts, ends = spell or (None, None)
    with transaction.atomic():
        _lock(expert)
        there = expert.date_overrides.filter(date=day)
        (there.filter(starts_local__isnull=True) if spell else there).delete()
        DateOverride.objects.create(expert=expert, date=day, starts_local=starts, ends_local=ends)


def forget_date(expert: Expert, override_id: int) -> bool:
    """False when the expert has no such date."""
    removed, _ = expert.date_overrides.filter(pk=override_id).delete()
    return bool(removed)


def own_hours_by_date(expert: Expert) -> dict[date, list[Spell]]:
    """The dates with hours of their own; a day off has none."""
    found: dict[date, list[Spell]] = {}
    for override in expert.date_overrides.all():
        if override.starts_local is not None and override.ends_local is not None:
            spell = (override.starts_local, override.ends_local)
            found.setdefault(override.date, []).append(spell)
    return found


def _lock(expert: Expert) -> None:
    """Two tabs that save at once must not leave the hours of both."""
    Expert.objects.select_for_update(no_key=True).get(pk=expert.pk)
