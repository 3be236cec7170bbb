"""What narrows a list. A value nobody can mean is left out, which is told, never an error page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms

from bookings import lists
from bookings.forms.fields import DayField
from bookings.forms.text import LineField
from bookings.models import Expert
from bookings.zones import zone_info

LONGEST_SEARCH = 80


def _sentences(end: str) -> dict[str, str]:
    return {
        "invalid": f"The {end} day is no date such as 2026-11-26, so it is left out.",
        "past": f"The {end} day is too far in the past, so it is left out.",
        "too_far": f"The {end} day is too far ahead, so it is left out.",
    }


class SearchForm(forms.Form):
    q = LineField(
        required=False,
        max_length=LONGEST_SEARCH,
        error_messages={
            "max_length": "A search has at most %(limit_value)d characters and yours has "
            "%(show_value)d, so it is left out. Search for a name or the code of a booking."
        },
    )
    after = forms.CharField(required=False, max_length=60)
    shown = forms.IntegerField(required=False, min_value=0, max_value=10**9)
    typed: tuple[str, ...] = ("q",)

    def value(self, name: str) -> Any:
        """The cleaned value; empty when it was refused."""
        self.is_valid()
        return self.cleaned_data.get(name) or ""

    def problems(self) -> list[str]:
        """What was typed and cannot be meant, told in sentences. What only links carry is not."""
        self.is_valid()
        return [str(sentence) for name in self.typed for sentence in self.errors.get(name, [])]

    def kept(self) -> dict[str, str]:
        """What narrows the list, as text for a link."""
        self.is_valid()
        names = [name for name in self.fields if name not in ("after", "shown")]
        return {name: str(self.value(name)) for name in names if self.value(name)}

    def is_narrowed(self) -> bool:
        return bool(self.kept())

    def shown_before(self) -> int:
        """How many rows stand above the ones asked for now."""
        return int(self.value("shown") or 0) if self.value("after") else 0

    def next_url(self, after: str, shown: int) -> str:
        return f"?{urlencode({**self.kept(), 'after': after, 'shown': shown})}"


class PastFilterForm(SearchForm):
    outcome = forms.ChoiceField(choices=[*lists.OUTCOMES.items()], required=False)
    date_from = DayField(required=False, error_messages=_sentences("first"))
    date_to = DayField(required=False, error_messages=_sentences("last"))
    typed = ("q", "date_from", "date_to")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first, last = data.get("date_from"), data.get("date_to")
        if first and last and first > last:
            del data["date_from"]
            self.add_error("date_to", "The last day is before the first, so both are left out.")
        return data

    def wanted(self, expert: Expert) -> lists.PastFilter:
        """Whole days on the expert's calendar; the last one is included."""
        zone = zone_info(expert.time_zone)
        until = self.value("date_to")
        return lists.PastFilter(
            search=self.value("q"),
            outcome=self.value("outcome"),
            starts_from=_midnight(self.value("date_from"), zone),
            starts_before=_midnight(until + timedelta(days=1), zone) if until else None,
        )


def _midnight(day: date | str | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(0), zone) if isinstance(day, date) else None
