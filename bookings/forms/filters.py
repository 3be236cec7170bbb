"""What narrows a list. A value nobody can mean is left out, never an error page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms

from bookings import lists
from bookings.forms.fields import OUR_TIME
from bookings.models import Expert
from bookings.zones import zone_info


class SearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=80)
    after = forms.CharField(required=False, max_length=60)
    shown = forms.IntegerField(required=False, min_value=0, max_value=10**9)

    def value(self, name: str) -> Any:
        """The cleaned value; empty when it was refused."""
        self.is_valid()
        return self.cleaned_data.get(name) or ""

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
    date_from = forms.DateField(required=False)
    date_to = forms.DateField(required=False)

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

    def clean_date_from(self) -> date | None:
        return _of_our_time(self.cleaned_data["date_from"])

    def clean_date_to(self) -> date | None:
        return _of_our_time(self.cleaned_data["date_to"])


def _of_our_time(day: date | None) -> date | None:
    """Near the ends of the calendar a zone's midnight has no UTC."""
    if day and not OUR_TIME[0] <= day.year <= OUR_TIME[1]:
        raise forms.ValidationError("Write a date of our time.")
    return day


def _midnight(day: date | str | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(0), zone) if isinstance(day, date) else None
