"""Fields several forms share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from bookings.zones import zone_info

LOCAL_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
INPUT_FORMAT = "%Y-%m-%dT%H:%M"
OUR_TIME = (1970, 2200)
"""years; beyond them date arithmetic ends in errors, and nobody means them"""


class LocalDateTimeField(forms.Field):
    """A wall time in a person's zone; an instant in UTC once cleaned.

    A time the clocks skip is refused. Of a time that comes twice the one closer to `near` is
    meant, and without that the first one. Seconds, which some browsers send, are cut: a page that
    shows the time to the minute could not name it.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=INPUT_FORMAT)

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

    @staticmethod
    def _parsed(text: str) -> datetime:
        for form in LOCAL_FORMATS:
            try:
                local = datetime.strptime(text[:25], form)  # noqa: DTZ007 - the zone comes after
            except ValueError:
                continue
            if OUR_TIME[0] <= local.year <= OUR_TIME[1]:
                return local.replace(second=0)
        raise forms.ValidationError("Write a date and a time, as in 2026-11-26T16:00.")


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
