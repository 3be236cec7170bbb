"""The list of what staff did is append-only. Words in it can be erased with the person they name;
nothing else is let through. Installed by a migration, for SQLite and PostgreSQL."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

ACTS = "bookings_staffact"
ERASED = "[erased]"
_STAYS = ("id", "at", "by_id", "what", "booking_id", "expert_id", "follower_id")
NAMES = ("act_changes_by_erasing_only", "act_is_kept")


def _is_erasing(vendor: str) -> str:
    same = "IS NOT DISTINCT FROM" if vendor == "postgresql" else "IS"
    nothing = "'[]'::jsonb" if vendor == "postgresql" else "'[]'"
    stays = " AND ".join(f"OLD.{name} {same} NEW.{name}" for name in _STAYS)
    return f"""{stays} AND NEW.reason IN (OLD.reason, '{ERASED}')
        AND NEW.about IN (OLD.about, '{ERASED}') AND NEW.changes IN (OLD.changes, {nothing})"""


POSTGRESQL = [
    f"""CREATE TRIGGER act_changes_by_erasing_only BEFORE UPDATE ON {ACTS}
    FOR EACH ROW WHEN (NOT ({_is_erasing("postgresql")})) EXECUTE FUNCTION bookings_refuse()""",
    f"""CREATE TRIGGER act_is_kept BEFORE DELETE ON {ACTS}
    FOR EACH ROW EXECUTE FUNCTION bookings_refuse()""",
]
NOT_EMPTIED = f"""CREATE TRIGGER act_is_not_emptied BEFORE TRUNCATE ON {ACTS}
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_refuse()"""
SQLITE = [
    f"""CREATE TRIGGER act_changes_by_erasing_only BEFORE UPDATE ON {ACTS}
    WHEN NOT ({_is_erasing("sqlite")})
    BEGIN SELECT RAISE(ABORT, 'what staff did is append-only'); END""",
    f"""CREATE TRIGGER act_is_kept BEFORE DELETE ON {ACTS}
    BEGIN SELECT RAISE(ABORT, 'what staff did is never deleted'); END""",
]


def install(connection: BaseDatabaseWrapper) -> None:
    _run(connection, POSTGRESQL if connection.vendor == "postgresql" else SQLITE)


def remove(connection: BaseDatabaseWrapper) -> None:
    on = f" ON {ACTS}" if connection.vendor == "postgresql" else ""
    _run(connection, [f"DROP TRIGGER IF EXISTS {name}{on}" for name in NAMES])


def refuse_truncate(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        allow_truncate(connection)
        _run(connection, [NOT_EMPTIED])


def allow_truncate(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        _run(connection, [f"DROP TRIGGER IF EXISTS act_is_not_emptied ON {ACTS}"])


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
