"""What staff did: one list, newest first, that nobody can edit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bookings.admin.base import NONE, CodeSearch, Column, NameSearch, ReadOnlyAdmin, moment
from bookings.models import Expert, Follower, StaffAct, User

FOUND = 50
"""People of one name whose acts are looked for."""


def _ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:FOUND])


@admin.register(StaffAct)
class StaffActAdmin(CodeSearch[StaffAct], NameSearch[StaffAct], ReadOnlyAdmin[StaffAct]):
    related = ("by", "booking", "expert", "follower")
    list_display = ("when", "who", "what", "of", "reason")
    list_display_links = ("what",)
    search_help_text = (
        "The code of a booking; the name or the whole e-mail address of an expert or a follower; "
        "the e-mail address of whoever did it."
    )
    fields = ("when", "who", "what", "of", "reason", "changed")

    when = Column(moment, "at")

    def named(self, term: str) -> Iterable[QuerySet[StaffAct]]:
        if "@" in term:
            followers = Follower.objects.with_address(term)
            experts = Expert.objects.with_address(term)
            yield StaffAct.objects.filter(by__in=_ids(User.objects.filter(email__iexact=term)))
        else:
            followers = Follower.objects.filter(name__icontains=term)
            experts = Expert.objects.filter(name__icontains=term)
        theirs = _ids(followers)
        yield StaffAct.objects.filter(follower__in=theirs)
        yield StaffAct.objects.filter(expert__in=_ids(experts))
        yield StaffAct.objects.filter(booking__follower__in=theirs)

    def who(self, row: StaffAct) -> str:
        return str(row.by) if row.by else "Command line"

    @admin.display(description="about")
    def of(self, row: StaffAct) -> str | SafeString:
        for name in ("booking", "follower", "expert"):
            other = getattr(row, name)
            if other is not None:
                url = reverse(f"admin:bookings_{name}_change", args=[other.pk])
                return format_html('<a href="{}">{}</a>', url, row.about or other)
        return row.about or NONE

    @admin.display(description="changes")
    def changed(self, row: StaffAct) -> str | SafeString:
        rows = [change for change in row.changes if len(change) == 3]
        lines = format_html_join(
            "",
            "<li>{}: {} → {}</li>",
            ((what, before or NONE, after or NONE) for what, before, after in rows),
        )
        return format_html("<ul>{}</ul>", lines) if lines else NONE
