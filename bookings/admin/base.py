"""What the admin's pages share: read-only by default, never a delete, bounded counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList, ChangeListSearchForm
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bookings import database_time, formats
from bookings.forms.text import AddressField, LineField, ParagraphsField
from bookings.plain_text import one_line

NONE = "–"
"""what an empty value shows"""
M = TypeVar("M", bound=Model)
LISTED_UP_TO = 5000
"""Rows a list can page through; an exact count of a million rows is what makes an admin slow."""

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


class BoundedPaginator(_Paginator):
    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:LISTED_UP_TO].count()
        return len(rows)


CLEANED: dict[type[models.Field[Any, Any]], dict[str, Any]] = {
    models.CharField: {"form_class": LineField},
    models.SlugField: {"form_class": forms.SlugField},
    models.EmailField: {"form_class": AddressField},
    models.TextField: {"form_class": ParagraphsField},
}
"""Staff's texts are cleaned like everybody's."""


LONGEST_SEARCH = 200


class _SearchForm(ChangeListSearchForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {SEARCH_VAR: LineField(required=False, max_length=LONGEST_SEARCH)}


class _ChangeList(ChangeList):
    """Looks for a text as the texts are kept that it looks in."""

    search_form_class = _SearchForm


class KeptAdmin(admin.ModelAdmin[M]):
    """Nothing is deleted here, whatever rights somebody has."""

    formfield_overrides = CLEANED
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet would count a whole table
    list_per_page = 50
    list_max_show_all = 0
    ordering = ("-id",)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _ChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Also of a field that is completed as somebody types."""
        term = one_line(search_term[:LONGEST_SEARCH])
        return super().get_search_results(request, queryset, term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = str(self.opts.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


class ReadOnlyAdmin(KeptAdmin[M]):
    """Rows that only the verbs and the workers write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class ReadOnlyRows(admin.TabularInline[Any, Any]):
    """Rows of a booking, oldest first, to be read."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
    ordering = ("id",)
    template = "admin/bookings/rows.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def chip(label: str, tone: str = "") -> SafeString:
    """A state as a word on a tint; `tone` is ok, warn, bad, info or money."""
    return format_html('<span class="state{}">{}</span>', f" state--{tone}" if tone else "", label)


def money(minor: int, currency: str) -> SafeString:
    return format_html('<span class="num">{}</span>', formats.money(minor, currency))


def moment(instant: datetime | None) -> str:
    """In UTC: staff compares with logs and with other people's zones."""
    if instant is None:
        return NONE
    words = formats.moment(instant, "UTC", "24", database_time.now())
    return format_html('<time class="num" datetime="{}">{}</time>', formats.utc_iso(instant), words)


def age(since: datetime | None) -> str:
    return NONE if since is None else formats.left(database_time.now() - since)


def remaining(until: datetime | None) -> str:
    """Time left with the instant below, or how long it is over."""
    if until is None:
        return NONE
    left = until - database_time.now()
    words = f"{formats.left(left)} left" if left > timedelta(0) else f"over {formats.left(-left)}"
    tone = "bad" if left < timedelta(hours=6) else "warn" if left < timedelta(days=1) else ""
    return format_html("{}<br>{}", chip(words, tone), moment(until))
