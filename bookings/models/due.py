"""Rows that fall due: a column says when, and is empty when there is nothing more to do."""

from __future__ import annotations

from datetime import datetime
from typing import Self, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model, covariant=True)


class DueQuerySet(models.QuerySet[M]):
    def ids(self, at_most: int | None = None) -> list[int]:
        return list(self.values_list("pk", flat=True)[:at_most])

    def due_by(self, column: str, now: datetime) -> Self:
        """The longest due first. Each such column has an index of the rows where it is not empty,
        which is used because that is said here."""
        due = self.filter(**{f"{column}__isnull": False, f"{column}__lte": now})
        return due.order_by(column, "id")
