"""Whether a connection still works is seen without asking the server, and never believed wrongly."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from bookings.models import User

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the driver sends."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def watched(self: Any, query: Any, *values: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *values, **options)

    connection.ensure_connection()
    monkeypatch.setattr(psycopg.Cursor, "execute", watched)
    return sent


def begin_request() -> None:
    connection.health_check_enabled = True
    connection.close_if_unusable_or_obsolete()


def test_a_connection_that_works_is_not_asked(asked: list[str]) -> None:
    for _ in range(3):
        begin_request()
        assert not User.objects.exists()
    assert len(asked) == 3


def test_after_an_error_the_server_is_asked(asked: list[str]) -> None:
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    begin_request()
    assert not User.objects.exists()
    assert "SELECT 1" in asked


@pytest.mark.parametrize("told", [True, False])
def test_a_connection_that_was_closed_is_made_anew(told: bool) -> None:
    """By the server, which says so before it hangs up; or by the other end of the line alone."""
    connection.ensure_connection()
    driver = connection.connection
    if told:
        info = driver.info
        with psycopg.connect(info.dsn, password=info.password, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [info.backend_pid])
    else:
        driver.close()
    begin_request()
    assert not User.objects.exists()
    assert connection.connection is not driver
