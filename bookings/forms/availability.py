"""When an expert can be booked: weekly hours, single days, and the rules around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from django import forms

from bookings import formats, slots
from bookings.formats import day, hours, time_of_day
from bookings.forms.fields import DayField, Styled, style
from bookings.free_times import Spell
from bookings.models import DateOverride, Expert, WeeklyHours

SPELLS_PER_DAY = 3
NO_TIME = "Write a time such as 09:30."
OVERRIDES_AHEAD = timedelta(days=730)
MOST_DAYS_AHEAD = 365
WEEKDAYS: list[tuple[int, str]] = list(
    WeeklyHours._meta.get_field("weekday").choices or []  # type: ignore[arg-type]
)


def problem_with(spells: Iterable[Spell], clock: str) -> str:
    """What is wrong with the hours of one day, as a sentence; empty when nothing is."""
    in_order = sorted(spells)
    for starts, ends in in_order:
        if _minutes(starts) >= _end_minutes(ends):
            return f"{formats.hours(starts, ends, clock)}: the end must be after the start."
    for one, other in pairwise(in_order):
        if _minutes(other[0]) < _end_minutes(one[1]):
            both = (formats.hours(*spell, clock) for spell in (one, other))
            return f"{' and '.join(both)} overlap."
    return ""


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _end_minutes(at: time) -> int:
    """An end of 00:00 is midnight at the end of the day."""
    return _minutes(at) or 24 * 60


class MinuteField(forms.TimeField):
    """A wall time without seconds; may be left empty."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
        super().__init__(
            required=False,
            widget=widget,
            error_messages={"invalid": f"{kwargs.get('label')}: write a time such as 09:30."},
            **kwargs,
        )
        style(self)

    def to_python(self, value: Any) -> time | None:
        at = super().to_python(value)
        return at.replace(second=0, microsecond=0) if at else None


Pair = tuple[forms.BoundField, forms.BoundField]


@dataclass(frozen=True, slots=True)
class Day:
    """One row of the weekly editor, for the template."""

    name: str
    pairs: list[Pair]
    """Those in use, and one to fill in."""
    more: list[Pair]
    """Shown when they are asked for."""
    problem: str


class WeekForm(forms.Form):
    """Seven days of up to three spells. A pair left empty is not used."""

    def __init__(self, data: Any = None, *, expert: Expert) -> None:
        super().__init__(data, initial=_initial(expert))
        self.clock = expert.clock
        self.problems: dict[int, str] = {}
        for weekday, name in WEEKDAYS:
            for n in range(SPELLS_PER_DAY):
                self.fields[f"from_{weekday}_{n}"] = MinuteField(label=f"{name}, from, {n + 1}")
                self.fields[f"to_{weekday}_{n}"] = MinuteField(label=f"{name}, to, {n + 1}")

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        self.spells: list[tuple[int, Spell]] = []
        if not self.fields.keys() & self.data.keys():
            self.add_error(
                None, "Your browser sent the form without its hours. Nothing was changed."
            )
        for weekday, name in WEEKDAYS:
            spells, problem = self._of_day(weekday)
            if problem := problem or problem_with(spells, self.clock):
                self.problems[weekday] = problem
                if problem != NO_TIME:  # its field says so already
                    self.add_error(None, f"{name}: {problem}")
            self.spells += [(weekday, spell) for spell in spells]
        return data

    def _of_day(self, weekday: int) -> tuple[list[Spell], str]:
        spells, problem = [], ""
        for n in range(SPELLS_PER_DAY):
            names = f"from_{weekday}_{n}", f"to_{weekday}_{n}"
            if any(name in self.errors for name in names):
                problem = NO_TIME
                continue
            starts, ends = (self.cleaned_data.get(name) for name in names)
            if starts is not None and ends is not None:
                spells.append((starts, ends))
            elif starts is not None or ends is not None:
                problem = "Give both a start and an end, or leave both empty."
        return spells, problem

    def days(self) -> list[Day]:
        return [self._day(weekday, name) for weekday, name in WEEKDAYS]

    def _day(self, weekday: int, name: str) -> Day:
        pairs = [
            (self[f"from_{weekday}_{n}"], self[f"to_{weekday}_{n}"]) for n in range(SPELLS_PER_DAY)
        ]
        used = [n for n, pair in enumerate(pairs) if any(field.value() for field in pair)]
        shown = max(used, default=0) + 1
        return Day(name, pairs[:shown], pairs[shown:], self.problems.get(weekday, ""))


def _initial(expert: Expert) -> dict[str, time]:
    values: dict[str, time] = {}
    counts: dict[int, int] = {}
    for spell in expert.weekly_hours.all():
        n = counts.setdefault(spell.weekday, 0)
        counts[spell.weekday] += 1
        values[f"from_{spell.weekday}_{n}"] = spell.starts_local
        values[f"to_{spell.weekday}_{n}"] = spell.ends_local
    return values


class OverrideForm(Styled, forms.Form):
    """Other hours on one date, or a day off."""

    day = DayField(
        label="Date",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={
            "invalid": "Choose a date.",
            "required": "Choose a date.",
            "past": "This date is in the past. Choose today or a later date.",
            "too_far": "This date is too far ahead. Choose one within the next two years.",
        },
    )
    kind = forms.ChoiceField(
        label="On that date",
        choices=[("off", "Day off"), ("hours", "Other hours")],
        initial="off",
        widget=forms.RadioSelect,
    )
    starts = MinuteField(label="From")
    ends = MinuteField(label="To")

    def __init__(
        self,
        *args: Any,
        today: date,
        clock: str,
        taken: dict[date, list[Spell]] | None = None,
    ) -> None:
        super().__init__(*args)
        self.today, self.clock, self.taken = today, clock, taken or {}

    def clean_day(self) -> date:
        chosen: date = self.cleaned_data["day"]
        sentences = self.fields["day"].error_messages
        if chosen < self.today:
            raise forms.ValidationError(sentences["past"])
        if chosen > self.today + OVERRIDES_AHEAD:
            raise forms.ValidationError(sentences["too_far"])
        return chosen

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("kind") != "hours" or self.errors:
            return data
        if data.get("starts") is None or data.get("ends") is None:
            self.add_error("starts", "Give both a start and an end.")
            return data
        there = self.taken.get(data["day"], [])
        if problem := problem_with([*there, (data["starts"], data["ends"])], self.clock):
            self.add_error("starts", problem)
        elif len(there) >= SPELLS_PER_DAY:
            self.add_error("day", f"A date can have up to {SPELLS_PER_DAY} periods.")
        return data

    @property
    def spell(self) -> Spell | None:
        """The hours of that date; None for a day off."""
        data = self.cleaned_data
        return None if data["kind"] == "off" else (data["starts"], data["ends"])


STEPS = [5, 10, 15, 20, 30, 45, 60, 90, 120]
BUFFERS = [0, 5, 10, 15, 20, 30, 45, 60, 90, 120]
NOTICES = [0, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 10080]


def _spelled(minutes: int) -> str:
    return formats.duration(timedelta(minutes=minutes), days_from=1) if minutes else "None"


class BookingRulesForm(Styled, forms.ModelForm[Expert]):
    window_days = forms.IntegerField(
        label="How far ahead, in days",
        min_value=1,
        max_value=MOST_DAYS_AHEAD,
        help_text="Followers see free times up to this many days from now.",
    )

    class Meta:
        model = Expert
        fields = ("step_minutes", "buffer_minutes", "min_notice_minutes", "window_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        expert = self.instance
        for name, label, options, current in (
            ("step_minutes", "A call may start every", STEPS, expert.step_minutes),
            ("buffer_minutes", "Kept free after each call", BUFFERS, expert.buffer_minutes),
            ("min_notice_minutes", "Shortest notice", NOTICES, expert.min_notice_minutes),
        ):
            self.fields[name] = forms.TypedChoiceField(
                label=label,
                coerce=int,
                choices=[
                    (
                        size,
                        formats.duration(timedelta(minutes=size), days_from=1) if size else "None",
                    )
                    for size in sorted({*options, current})
                ],
            )
            style(self.fields[name])

    def save(self, commit: bool = True) -> Expert:
        self.instance.save(update_fields=list(self.Meta.fields))
        return self.instance


# --- what the editor shows besides ----------------------------------------------------------------

NEXT_SHOWN = 6


def override_rows(expert: Expert, *, today: date, clock: str) -> list[dict[str, Any]]:
    return [_override_row(override, clock) for override in expert.date_overrides.all()
            if override.date >= today]  # fmt: skip


def _override_row(override: DateOverride, clock: str) -> dict[str, Any]:
    starts, ends = override.starts_local, override.ends_local
    when = "Day off" if starts is None or ends is None else hours(starts, ends, clock)
    at = override.date
    return {
        "pk": override.pk,
        "iso": at.isoformat(),
        "day": f"{at:%a} {at.day} {at:%b %Y}",
        "hours": when,
    }


def next_times(expert: Expert, *, now: datetime) -> dict[str, Any] | None:
    """The next starts a follower could pick for a service; None for an expert who sells nothing
    yet."""
    service = expert.services.filter(is_active=True).order_by("id").first()
    if service is None:
        return None
    starts = slots.free_of(service, now=now)[:NEXT_SHOWN]
    zone, clock = expert.time_zone, expert.clock
    return {
        "service": service.title,
        # Day and time of each, in the expert's zone.
        "starts": [(day(at, zone, now), time_of_day(at, zone, clock)) for at in starts],
    }
