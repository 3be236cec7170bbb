"""What the admin's pages share: read-only by default, never a delete, bounded counts, declared
columns, and searches that stay quick with ten million rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.core.paginator import Paginator
from django.db import DataError, models
from django.db.models import Model, QuerySet
from django.forms.utils import pretty_name
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bookings import database_time, formats, staff_acts
from bookings.admin.changes import changes_in
from bookings.forms.fields import AddressField, LineField, ParagraphsField
from bookings.models import Booking, Expert, Follower, as_code
from bookings.plain_text import one_line

NONE = "–"
"""What is shown in place of an empty value."""
M = TypeVar("M", bound=Model)
LONGEST_SEARCH = 254
"""Characters. An e-mail address is the longest thing that anybody looks for."""
NOT_READ = "The address of this list could not be read, so all rows are shown."
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


class BoundedList(ChangeList):
    """What nobody can mean narrows nothing, which is told: a search that is too long, whose words
    stay in their field, or a part of the address that the database cannot compare with."""

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        try:
            super().__init__(request, *args, **options)
        except (IncorrectLookupParameters, ValueError, OverflowError, DataError) as error:
            messages.warning(request, NOT_READ)
            raise IncorrectLookupParameters(error) from error  # Django drops all of it, then

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        typed = self.query
        if len(typed) > LONGEST_SEARCH:
            messages.warning(
                request,
                f"A search has at most {LONGEST_SEARCH} characters and yours has {len(typed):,}, "
                "so it was ignored.",
            )
            self.query = ""
        else:
            self.query = one_line(typed)  # as what it looks in is kept
        found = super().get_queryset(request, exclude_parameters)
        self.query = typed
        return found


class BoundedAdmin(admin.ModelAdmin[M]):
    """Whatever is written in the admin's log is also in the list of what staff did, in the same
    transaction, with what was changed."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        changed = [] if add else changes_in(form, formsets)
        reason = str(form.cleaned_data.get("reason") or "")
        request.act = (reason, changed)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.note_act(request, obj, "Added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.note_act(request, obj, "Changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self.note_act(request, obj, "Deleted")
        return super().log_deletions(request, queryset)

    def note_act(self, request: HttpRequest, obj: Any, what: str, reason: str = "") -> None:
        given, changed = getattr(request, "act", ("", []))
        name = str(self.opts.verbose_name)
        expert = obj if isinstance(obj, Expert) else getattr(obj, "expert", None)
        staff_acts.note(
            f"{what} {name}" if what in ("Added", "Changed", "Deleted") else what,
            by=request.user.pk,
            at=database_time.now(),
            reason=reason or given,
            about=str(obj) if isinstance(obj, Booking) else f"{name} {obj}",
            booking=obj if isinstance(obj, Booking) else getattr(obj, "booking", None),
            expert=expert if isinstance(expert, Expert) else None,
            follower=obj if isinstance(obj, Follower) else None,
            changes=changed,
        )


class StrictAdmin(BoundedAdmin[M]):
    """What stands in an address is believed only where a link of ours could have put it there."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the list's own filters ask. Django also takes any column of the table, and who
        may compare a key that is shown nowhere with one letter after the other has it soon."""
        return lookup in _asked_by(self.list_filter)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Values in the address of an empty form, where its fields take them."""
        fields = self.get_form(request).base_fields
        given = super().get_changeform_initial_data(request)
        known = {name: value for name, value in given.items() if name in fields}
        for name, value in known.items():
            try:
                self._clean(name, fields[name].clean(value))
            except (ValidationError, ValueError, TypeError) as error:
                raise BadRequest(f"The field {name} takes no such value") from error
        return known

    def _clean(self, name: str, value: Any) -> None:
        """A form leaves the validators of a column to the row that is saved."""
        with suppress(FieldDoesNotExist):
            column = self.opts.get_field(name)
            if isinstance(column, models.Field):
                column.run_validators(value)


class KeptAdmin(StrictAdmin[M]):
    """Nothing is deleted here, whatever rights somebody has."""

    formfield_overrides = CLEANED
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet would count a whole table
    list_per_page = 50
    list_max_show_all = 0
    ordering = ("-id",)
    related: tuple[str, ...] = ()
    """Rows of other tables that lists and pages read."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

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


def _asked_by(filters: Iterable[Any]) -> set[str]:
    """The parameters with which the filters of a list narrow it."""
    asked = set()
    for one in filters:
        if isinstance(one, str):
            asked |= {one, f"{one}__exact", f"{one}__isnull"}
        else:
            asked.add(one.parameter_name)
    return asked


class Narrowed(admin.SimpleListFilter):
    """A filter of a list: each value with its words, and how it narrows the rows at a moment."""

    ways: ClassVar[Mapping[str, tuple[str, Callable[[Any, datetime], QuerySet[Any]]]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, (words, _) in self.ways.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        way = self.ways.get(self.value() or "")
        return way[1](queryset, database_time.now()) if way else queryset


class ReadOnlyAdmin(KeptAdmin[M]):
    """Rows that only the verbs and the workers write."""

    sortable_by = ()

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


# --- searches -------------------------------------------------------------------------------------
# Django's own compares each column in upper case, for which there is no index. Here a booking's
# code leads to its rows, an id is looked up as it is written, and what has no index is looked for
# among the latest rows.

LATEST = 5000
"""Rows that are looked through for what has no index."""
Found = tuple[QuerySet[M], bool]


class NameSearch(KeptAdmin[M]):
    """Finds the rows that carry a name of their own, such as a provider's id."""

    search_fields = ("pk",)  # shows the field; what is looked for is in `named`

    def named(self, term: str) -> Iterable[QuerySet[M]]:
        """Look-ups of a few rows, each by an index."""
        return ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> Found[M]:
        if not (term := search_term.strip()):
            return queryset, False
        return _only(queryset, self.named(term)), False


class CodeSearch(KeptAdmin[M]):
    """Finds the rows of a booking by its code; any other term is left to the next search."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> Found[M]:
        if not (code := as_code(search_term.strip())):
            return super().get_search_results(request, queryset, search_term)
        ids = list(Booking.objects.filter(code=code).values_list("pk", flat=True))
        return queryset.filter(booking_id__in=ids), False


def among_latest(rows: QuerySet[M], **wanted: Any) -> QuerySet[M]:
    ids = rows.order_by("-pk").values_list("pk", flat=True)
    oldest = next(iter(ids[LATEST - 1 : LATEST]), 0)
    return rows.filter(pk__gte=oldest, **wanted)


def _only(queryset: QuerySet[M], found: Iterable[QuerySet[M]]) -> QuerySet[M]:
    ids = {pk for rows in found for pk in rows.values_list("pk", flat=True)[:LISTED_UP_TO]}
    return queryset.filter(pk__in=ids)


# --- columns --------------------------------------------------------------------------------------


class Column:
    """A column of a list, or a line of a page: how an attribute of the row is shown.

    `show` takes the values of `names`, which may lead to other rows with dots. Without a
    `description` the name of the column is its heading.
    """

    short_description: str

    def __init__(self, show: Callable[..., Any], *names: str, description: str = "") -> None:
        self.show, self.names, self.short_description = show, names, description

    def __set_name__(self, owner: type, name: str) -> None:
        self.short_description = self.short_description or pretty_name(name)

    def __call__(self, row: Any) -> Any:
        return self.show(*(attrgetter(name)(row) for name in self.names))


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
