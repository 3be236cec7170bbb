"""Each event of a booking carries a hash over its own facts and over the event before it, so that
`manage.py verify` notices an event that was changed, removed, put in between or moved.

Triggers write the hashes: also for rows of a server that still runs the release before, and
without another statement of ours. The end of each chain stands in a row of its own, so that the
loss of the last event is noticed, too. What people wrote (`note`) is in the hash by a salted digest
only. When a person's words are erased, the salt goes and the digest stays: the chain holds, and
nobody can find the words by trying. That erasing is the only change that is let through.

Two expressions, one for each database. They need not agree: a database checks its own hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper

ERASED = "[erased]"
"""What stands in place of words that were erased."""
EVENTS, HEADS = "bookings_timelineevent", "bookings_historyhead"
BEGAN = "history_chain_began"
"""The heartbeat that says after which event every event has a hash."""
_FACTS = (
    "booking_id", "verb", "from_state", "to_state", "actor_kind", "actor_id", "request_key",
)  # fmt: skip
_STAYS = ("id", *_FACTS, "at", "data", "chain_position", "chain_hash")


def _sha256(vendor: str, text: str) -> str:
    if vendor == "postgresql":
        return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
    return f"sha256({text})"


def note_digest(vendor: str, row: str) -> str:
    return _sha256(vendor, f"{row}.note_salt || {row}.note")


def kept_digest(vendor: str, row: str) -> str:
    """Of what was written, also when it has been erased."""
    digest = note_digest(vendor, row)
    return f"CASE WHEN {row}.note_salt = '' THEN {row}.note_digest ELSE {digest} END"


def _facts(vendor: str, row: str) -> str:
    facts = ", ".join(f"{row}.{name}" for name in _FACTS)
    digest = kept_digest(vendor, row)
    if vendor == "postgresql":
        at = f"to_char({row}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        return f"jsonb_build_array({facts}, {at}, {row}.data, {digest})::text"
    return f"json_array({facts}, {row}.at, {row}.data, {digest})"


def _hash(vendor: str, before: str, row: str) -> str:
    return _sha256(vendor, f"{before} || {_facts(vendor, row)}")


def _is_erasing(vendor: str) -> str:
    """Whether a change takes nothing but the words."""
    same = "IS NOT DISTINCT FROM" if vendor == "postgresql" else "IS"
    stays = " AND ".join(f"OLD.{name} {same} NEW.{name}" for name in _STAYS)
    return f"""{stays} AND OLD.note <> '' AND NEW.note = '{ERASED}' AND NEW.note_salt = ''
        AND NEW.note_digest = {kept_digest(vendor, "OLD")}"""


_POSTGRESQL_JOIN = [
    f"""CREATE FUNCTION bookings_chain_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE facts text;
    BEGIN
        NEW.note_salt = replace(gen_random_uuid()::text, '-', '');
        NEW.note_digest = '';
        facts = {_facts("postgresql", "NEW")};
        UPDATE {HEADS} SET length = length + 1,
            chain_hash = {_sha256("postgresql", "chain_hash || facts")}
            WHERE booking_id = NEW.booking_id
            RETURNING length, chain_hash INTO NEW.chain_position, NEW.chain_hash;
        IF NOT FOUND THEN
            INSERT INTO {HEADS} AS head (booking_id, length, chain_hash)
                VALUES (NEW.booking_id, 1, {_sha256("postgresql", "facts")})
                ON CONFLICT (booking_id) DO UPDATE SET length = head.length + 1,
                    chain_hash = {_sha256("postgresql", "head.chain_hash || facts")}
                RETURNING length, chain_hash INTO NEW.chain_position, NEW.chain_hash;
        END IF;
        RETURN NEW; END $$""",
    f"""CREATE TRIGGER event_joins_the_chain BEFORE INSERT ON {EVENTS}
    FOR EACH ROW EXECUTE FUNCTION bookings_chain_event()""",
]
_POSTGRESQL_KEEP = [
    f"""CREATE TRIGGER event_is_append_only BEFORE UPDATE ON {EVENTS}
    FOR EACH ROW WHEN (NOT ({_is_erasing("postgresql")})) EXECUTE FUNCTION bookings_refuse()""",
    f"""CREATE TRIGGER head_is_kept BEFORE DELETE ON {HEADS}
    FOR EACH ROW EXECUTE FUNCTION bookings_refuse()""",
]
_SQLITE_TRIGGERS = {
    # Whoever joins gets a place first, then the hash, which the head takes over.
    "event_joins_the_chain": f"""AFTER INSERT ON {EVENTS} BEGIN
        INSERT INTO {HEADS} (booking_id, length, chain_hash) VALUES (NEW.booking_id, 1, '')
            ON CONFLICT (booking_id) DO UPDATE SET length = length + 1;
        UPDATE {EVENTS} SET note_salt = lower(hex(randomblob(16))), note_digest = '',
            chain_position = (SELECT length FROM {HEADS} WHERE booking_id = NEW.booking_id)
            WHERE id = NEW.id;
        UPDATE {EVENTS} SET chain_hash = (
            SELECT {_hash("sqlite", "head.chain_hash", EVENTS)}
            FROM {HEADS} head WHERE head.booking_id = NEW.booking_id) WHERE id = NEW.id;
        UPDATE {HEADS} SET chain_hash = (SELECT chain_hash FROM {EVENTS} WHERE id = NEW.id)
            WHERE booking_id = NEW.booking_id;
        END""",
    # The first part lets the trigger above give a new event its place and its hash.
    "event_is_append_only": f"""BEFORE UPDATE ON {EVENTS} WHEN NOT (
        OLD.chain_hash = '' AND NEW.chain_position > 0 AND NEW.note = OLD.note
        AND OLD.id = (SELECT max(id) FROM {EVENTS}) AND NEW.note_digest = ''
        AND {" AND ".join(f"OLD.{name} IS NEW.{name}" for name in ("id", *_FACTS, "at", "data"))}
        OR {_is_erasing("sqlite")})
        BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END""",
    "head_is_kept": f"""BEFORE DELETE ON {HEADS}
        BEGIN SELECT RAISE(ABORT, 'historyhead rows are never deleted'); END""",
}
_NOT_EMPTIED = f"""CREATE TRIGGER head_is_not_emptied BEFORE TRUNCATE ON {HEADS}
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_refuse()"""
COLUMNS = {
    "chain_position": "integer NOT NULL DEFAULT 0",
    "chain_hash": "varchar(64) NOT NULL DEFAULT ''",
    "note_salt": "varchar(32) NOT NULL DEFAULT ''",
    "note_digest": "varchar(64) NOT NULL DEFAULT ''",
}
"""Django does not know them: it would send them, and read them back, with every event."""
NAMES = tuple(_SQLITE_TRIGGERS)
REPLACED = "event_is_append_only"
"""The guard of the releases before let no change through. It keeps its name: they look for it."""


def install(connection: BaseDatabaseWrapper) -> None:
    _run(connection, _dropped(connection, REPLACED))
    if connection.vendor == "postgresql":
        _run(connection, [*_POSTGRESQL_JOIN, *_POSTGRESQL_KEEP])
    else:
        triggers = [f"CREATE TRIGGER {name} {body}" for name, body in _SQLITE_TRIGGERS.items()]
        _run(connection, triggers)


def chain_only(connection: BaseDatabaseWrapper) -> None:
    """For tests of a database that keeps no promise: the hashes are written all the same."""
    if connection.vendor == "postgresql":
        _run(connection, _POSTGRESQL_JOIN)
    else:
        name = "event_joins_the_chain"
        _run(connection, [f"CREATE TRIGGER {name} {_SQLITE_TRIGGERS[name]}"])


def refuse_truncate(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        allow_truncate(connection)
        _run(connection, [_NOT_EMPTIED])


def allow_truncate(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        _run(connection, [f"DROP TRIGGER IF EXISTS head_is_not_emptied ON {HEADS}"])


def remove(connection: BaseDatabaseWrapper) -> None:
    for name in _SQLITE_TRIGGERS:
        _run(connection, _dropped(connection, name))
    if connection.vendor == "postgresql":
        _run(connection, ["DROP FUNCTION IF EXISTS bookings_chain_event()"])


def _dropped(connection: BaseDatabaseWrapper, name: str) -> list[str]:
    if connection.vendor != "postgresql":
        return [f"DROP TRIGGER IF EXISTS {name}"]
    table = HEADS if name == "head_is_kept" else EVENTS
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}"]


def begin(connection: BaseDatabaseWrapper, now: datetime) -> None:
    """Every event after the last one there is has a hash. For the migration, which holds a lock
    that keeps others from adding one meanwhile, and for benchmarks."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {EVENTS}")
        (last,) = cursor.fetchone()
        if last:
            cursor.execute("DELETE FROM bookings_heartbeat WHERE name = %s", [BEGAN])
            cursor.execute(
                "INSERT INTO bookings_heartbeat (name, finished_at, counts) VALUES (%s, %s, %s)",
                [BEGAN, now, f'{{"after_event": {last}}}'],
            )


def erase_notes(connection: BaseDatabaseWrapper, events: Sequence[int]) -> None:
    """The one change of an event that is let through."""
    if not events:
        return
    ids = ", ".join(str(int(event)) for event in events)
    digest = kept_digest(connection.vendor, EVENTS)
    _run(
        connection,
        [
            f"""UPDATE {EVENTS} SET note = '{ERASED}', note_digest = {digest}, note_salt = ''
            WHERE id IN ({ids}) AND note NOT IN ('', '{ERASED}')"""
        ],
    )


# --- checking -------------------------------------------------------------------------------------


def broken(connection: BaseDatabaseWrapper, after_event: int) -> Iterator[str]:
    """Codes of bookings whose history is not as it was written. Events up to `after_event` are
    older than the chain, and need no hash."""
    vendor = connection.vendor
    query = f"""
        SELECT DISTINCT code FROM bookings_booking WHERE id IN (
            SELECT booking_id FROM (
                SELECT event.*, COALESCE(LAG(chain_hash) OVER by_place, '') AS before,
                    ROW_NUMBER() OVER by_place AS place
                FROM {EVENTS} event WHERE chain_position > 0
                WINDOW by_place AS (PARTITION BY booking_id ORDER BY chain_position, id)
            ) chained
            WHERE chain_position <> place OR chain_hash <> {_hash(vendor, "before", "chained")}
                OR note_salt = '' AND note <> '{ERASED}'
                OR note_salt <> '' AND note_digest <> ''
            UNION ALL
            SELECT booking_id FROM {EVENTS} WHERE chain_position <= 0 AND id > %s
            UNION ALL
            SELECT head.booking_id FROM {HEADS} head LEFT JOIN {EVENTS} event
                ON event.booking_id = head.booking_id AND event.chain_position = head.length
            WHERE event.chain_hash IS NULL OR event.chain_hash <> head.chain_hash
            UNION ALL
            SELECT event.booking_id FROM {EVENTS} event LEFT JOIN {HEADS} head
                ON head.booking_id = event.booking_id
            WHERE event.chain_position > COALESCE(head.length, 0))"""
    with connection.cursor() as cursor:
        cursor.execute(query, [after_event])
        while rows := cursor.fetchmany(1000):
            yield from (code for (code,) in rows)


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
