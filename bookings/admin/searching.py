"""Searches that stay quick with ten million rows.

Django's own compares each column in upper case, for which there is no index. Here a booking's code
leads to its rows, an id is looked up as it is written, and what has no index is looked for among
the latest rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from bookings.admin.base import LISTED_UP_TO, KeptAdmin
from bookings.models import Booking, as_code

M = TypeVar("M", bound=Model)
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
