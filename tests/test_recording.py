"""Several rows are written in one statement, each with values of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings.models import Refund
from bookings.refunds import answers
from tests.engine import LATER
from tests.many_refunds import many_due
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("last_answer", ["a\\b'%s%%{}\u2028", "", "x\x01", 'é"?']),
        ("provider_refund_id", ["r'1", "", "%s", "\\"]),
        ("reference", ["", "1", "2", "3"]),
        ("accepted_at", [None, None, LATER, LATER]),
        ("alerted_at", [None, None, None, LATER + timedelta(microseconds=1)]),
        ("stored_failure_at", [LATER, None, None, None]),
        ("epoch", [1, 2, 2, 3]),
    ],
)
def test_each_row_gets_its_own(provider: Provider, field: str, values: list[Any]) -> None:
    ids = many_due(provider, len(values))
    wanted = dict(zip(ids, values, strict=True))
    rows = Refund.objects.filter(pk__in=ids)
    assert rows.update(**{field: answers._each(field, wanted)}) == len(ids)
    assert dict(rows.values_list("pk", field)) == wanted
    for pk, value in wanted.items():  # as the database compares them, too
        assert rows.filter(**{"pk": pk, field: value}).count() == 1
