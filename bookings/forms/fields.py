"""Fields several forms share."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from django import forms

from bookings.zones import zone_info

INPUT_FORMAT = "%Y-%m-%dT%H:%M"
OUR_TIME = (1970, 2200)
"""Years. Beyond them date arithmetic ends in errors, and nobody means them."""
_LOCAL = re.compile(
    r"(\d{4,6})-(\d\d?)-(\d\d?)[T ](\d\d?):(\d\d)(?::\d\d(?:\.\d{1,6})?)?", re.ASCII
)
"""What browsers send; theirs count to the year 275760."""
_DAY = re.compile(r"(\d{4,6})-\d\d?-\d\d?", re.ASCII)


def check_year(field: forms.Field, year: int) -> None:
    """A year that nobody means, said by the field's sentence `past` or `too_far`."""
    if year < OUR_TIME[0]:
        raise forms.ValidationError(field.error_messages["past"], code="past")
    if year > OUR_TIME[1]:
        raise forms.ValidationError(field.error_messages["too_far"], code="too_far")


class DayField(forms.DateField):
    """A date. One of another age is told as such, with one sentence for each direction."""

    default_error_messages = {
        "invalid": "Write a date, as in 2026-11-26.",
        "past": "This date is in the past.",
        "too_far": "This date is too far ahead.",
    }

    def to_python(self, value: Any) -> date | None:
        if found := _DAY.fullmatch(str(value or "").strip()):
            check_year(self, int(found[1]))
        day = super().to_python(value)
        if day is not None:
            check_year(self, day.year)
        return day


class LocalDateTimeField(forms.Field):
    """A wall time in a person's zone; an instant in UTC once cleaned.

    A time the clocks skip is refused. Of a time that comes twice the one closer to `near` is
    meant, and without that the first one. Seconds, which some browsers send, are cut: a page that
    shows the time to the minute could not name it.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=INPUT_FORMAT)
    default_error_messages = {
        "invalid": "Write a date and a time, as in 2026-11-26T16:00.",
        "past": "This time is in the past.",
        "too_far": "This time is too far ahead.",
    }

    def __init__(self, *, zone: str = "UTC", near: datetime | None = None, **options: Any) -> None:
        self.zone, self.near = zone_info(zone), near
        super().__init__(**options)

    def to_python(self, value: Any) -> datetime | None:
        text = str(value).strip() if value else ""
        if not text:
            return None
        local = self._parsed(text)
        first, second = (
            local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if first.astimezone(self.zone).replace(tzinfo=None) != local:
            raise forms.ValidationError(
                f"The clocks go forward then: {local:%H:%M} does not exist on that day."
            )
        near = self.near or first
        return min(first, second, key=lambda instant: abs(instant - near))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(self.zone).strftime(INPUT_FORMAT)
        return value

    def _parsed(self, text: str) -> datetime:
        if found := _LOCAL.fullmatch(text):
            check_year(self, int(found[1]))
            try:
                year, month, day, hour, minute = map(int, found.groups())
                return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - its zone comes after
            except ValueError:
                pass
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


class ActionForm(forms.Form):
    """A form of an action. `problems` is what its error summary lists."""

    def problems(self) -> list[tuple[str, str]]:
        """(anchor of the field, sentence), in the order of the fields."""
        found = []
        for name, sentences in self.errors.items():
            anchor = self._anchor(name)
            found += [(anchor, str(sentence)) for sentence in sentences]
        return found

    def _anchor(self, name: str) -> str:
        if name not in self.fields:
            return ""
        bound = self[name]
        is_group = isinstance(bound.field.widget, forms.RadioSelect)
        return f"{bound.auto_id}_0" if is_group else bound.auto_id
