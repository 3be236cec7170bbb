"""Rules the database keeps by itself: triggers and the exclusion of overlapping calls.

- two live calls of one expert never overlap (their buffer included);
- a payment's `reserved_minor` is the sum of its live refunds, so its check constraint caps them;
- timeline events are append-only and chained (see `history_chain`);
- amounts and causes of refunds never change;
- bookings, payments, refunds and the timeline are never deleted, one by one or all at once.

Installed by a migration, for SQLite and PostgreSQL.
"""

from __future__ import annotations

import re

from django.db.backends.base.base import BaseDatabaseWrapper

from bookings.models import history_chain, kept_acts

LIVE_CALL = "('scheduled', 'reschedule_offered', 'no_show_reported')"
NOT_LIVE_REFUND = "('declined', 'reversed', 'void')"

NEVER_DELETED = ("booking", "payment", "refund", "timelineevent", "noshowreport", "contest")

_POSTGRESQL_INSTALL = [
    f"""ALTER TABLE bookings_booking ADD CONSTRAINT booking_no_overlap EXCLUDE USING gist (
        int8range(expert_id, expert_id, '[]') WITH &&,
        tstzrange(starts_at, busy_until, '[)') WITH &&) WHERE (state IN {LIVE_CALL})""",
    """CREATE FUNCTION bookings_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% of % is not allowed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE FUNCTION bookings_add_up_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM bookings_payment WHERE id = NEW.payment_id FOR NO KEY UPDATE;
        UPDATE bookings_payment SET reserved_minor = (
            SELECT COALESCE(SUM(amount_minor), 0) FROM bookings_refund
            WHERE payment_id = NEW.payment_id AND state NOT IN """
    + NOT_LIVE_REFUND
    + """) WHERE id = NEW.payment_id;
        RETURN NULL; END $$""",
    """CREATE TRIGGER refund_add_up_new AFTER INSERT ON bookings_refund
    FOR EACH ROW EXECUTE FUNCTION bookings_add_up_refunds()""",
    f"""CREATE TRIGGER refund_add_up_change AFTER UPDATE OF state ON bookings_refund
    FOR EACH ROW WHEN ((OLD.state IN {NOT_LIVE_REFUND}) <> (NEW.state IN {NOT_LIVE_REFUND}))
    EXECUTE FUNCTION bookings_add_up_refunds()""",
    """CREATE TRIGGER refund_keeps_its_amount BEFORE UPDATE ON bookings_refund FOR EACH ROW
    WHEN (OLD.amount_minor <> NEW.amount_minor OR OLD.payment_id <> NEW.payment_id
        OR OLD.currency <> NEW.currency OR OLD.event_id <> NEW.event_id OR OLD.uuid <> NEW.uuid)
    EXECUTE FUNCTION bookings_refuse()""",
    """CREATE TRIGGER event_is_append_only BEFORE UPDATE ON bookings_timelineevent
    FOR EACH ROW EXECUTE FUNCTION bookings_refuse()""",
    *(
        f"""CREATE TRIGGER {table}_is_kept BEFORE DELETE ON bookings_{table}
        FOR EACH ROW EXECUTE FUNCTION bookings_refuse()"""
        for table in NEVER_DELETED
    ),
]

_POSTGRESQL_KEEP_ALL = [
    f"""CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON bookings_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_refuse()"""
    for table in NEVER_DELETED
]
"""TRUNCATE asks none of the triggers above. SQLite has no such statement."""

_POSTGRESQL_REMOVE = [
    "ALTER TABLE bookings_booking DROP CONSTRAINT IF EXISTS booking_no_overlap",
    "DROP FUNCTION IF EXISTS bookings_add_up_refunds() CASCADE",
    "DROP FUNCTION IF EXISTS bookings_refuse() CASCADE",
]

# The live calls of an expert do not overlap already, so the last one that starts before the new
# end is the only one that can reach into the new call: one step in an index, not all calls.
_SQLITE_OVERLAP = f"""
    WHEN NEW.state IN {LIVE_CALL} BEGIN
    SELECT RAISE(ABORT, 'booking_no_overlap') WHERE NEW.starts_at < (
        SELECT b.busy_until FROM bookings_booking b
        WHERE b.expert_id = NEW.expert_id AND b.state IN {LIVE_CALL}
        AND b.starts_at < NEW.busy_until AND b.id <> NEW.id
        ORDER BY b.starts_at DESC LIMIT 1);
    END"""

_SQLITE_INDEX = f"""CREATE INDEX booking_live_by_start
    ON bookings_booking (expert_id, starts_at) WHERE state IN {LIVE_CALL}"""

_SQLITE_ADD_UP = f"""BEGIN
    UPDATE bookings_payment SET reserved_minor = (
        SELECT COALESCE(SUM(amount_minor), 0) FROM bookings_refund
        WHERE payment_id = NEW.payment_id AND state NOT IN {NOT_LIVE_REFUND})
    WHERE id = NEW.payment_id; END"""

_SQLITE_TRIGGERS = {
    # An AFTER trigger knows the new row's id; the statement is undone all the same.
    "booking_no_overlap_new": f"AFTER INSERT ON bookings_booking {_SQLITE_OVERLAP}",
    "booking_no_overlap_change": (
        "AFTER UPDATE OF starts_at, busy_until, state, expert_id ON bookings_booking "
        + _SQLITE_OVERLAP
    ),
    "refund_add_up_new": f"AFTER INSERT ON bookings_refund {_SQLITE_ADD_UP}",
    "refund_add_up_change": (
        f"AFTER UPDATE OF state ON bookings_refund "
        f"WHEN (OLD.state IN {NOT_LIVE_REFUND}) <> (NEW.state IN {NOT_LIVE_REFUND}) "
        f"{_SQLITE_ADD_UP}"
    ),
    "refund_keeps_its_amount": """BEFORE UPDATE ON bookings_refund
        WHEN OLD.amount_minor <> NEW.amount_minor OR OLD.payment_id <> NEW.payment_id
        OR OLD.currency <> NEW.currency OR OLD.event_id <> NEW.event_id OR OLD.uuid <> NEW.uuid
        BEGIN SELECT RAISE(ABORT, 'a refund keeps its amount'); END""",
    "event_is_append_only": """BEFORE UPDATE ON bookings_timelineevent
        BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END""",
    **{
        f"{table}_is_kept": f"""BEFORE DELETE ON bookings_{table}
        BEGIN SELECT RAISE(ABORT, '{table} rows are never deleted'); END"""
        for table in NEVER_DELETED
    },
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Create every guard; the tables must exist."""
    if connection.vendor == "postgresql":
        _run(connection, _POSTGRESQL_INSTALL)
        refuse_truncate(connection)
    else:
        triggers = [f"CREATE TRIGGER {name} {body}" for name, body in _SQLITE_TRIGGERS.items()]
        _run(connection, [_SQLITE_INDEX, *triggers])
    history_chain.install(connection)
    kept_acts.install(connection)


def refuse_truncate(connection: BaseDatabaseWrapper) -> None:
    """Also where the other guards were installed by an older release."""
    if connection.vendor == "postgresql":
        allow_truncate(connection)
        _run(connection, _POSTGRESQL_KEEP_ALL)
        history_chain.refuse_truncate(connection)
        kept_acts.refuse_truncate(connection)


def allow_truncate(connection: BaseDatabaseWrapper) -> None:
    """For the reverse migration and for tests that empty tables."""
    if connection.vendor == "postgresql":
        drop = "DROP TRIGGER IF EXISTS {0}_is_not_emptied ON bookings_{0}"
        _run(connection, [drop.format(table) for table in NEVER_DELETED])
        history_chain.allow_truncate(connection)
        kept_acts.allow_truncate(connection)


def remove(connection: BaseDatabaseWrapper) -> None:
    """For the reverse migration and for tests that empty tables."""
    history_chain.remove(connection)
    kept_acts.remove(connection)
    if connection.vendor == "postgresql":
        _run(connection, _POSTGRESQL_REMOVE)
    else:
        triggers = [f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE_TRIGGERS]
        _run(connection, [*triggers, "DROP INDEX IF EXISTS booking_live_by_start"])


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of guards that are not there, or switched off, for `manage.py verify`."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            installed = str([*_POSTGRESQL_INSTALL, *_POSTGRESQL_KEEP_ALL])
            wanted = re.findall(r"(?:CREATE TRIGGER|ADD CONSTRAINT) (\w+)", installed)
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
                " UNION SELECT conname FROM pg_constraint"
            )
        else:
            wanted = [*_SQLITE_TRIGGERS, "booking_live_by_start"]
            cursor.execute("SELECT name FROM sqlite_master")
        there = {name for (name,) in cursor.fetchall()}
    wanted += [*history_chain.NAMES, *kept_acts.NAMES]
    return [name for name in dict.fromkeys(wanted) if name not in there]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
