"""Reports whose time to answer has just run out, of calls that nobody has said a word about."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from benchmarks import cases
from benchmarks.dialect import SQLite
from benchmarks.rows import Writer
from benchmarks.stories import STORIES
from bookings.models import Booking, history_chain

LONG_AGO = timedelta(days=60)


def make_due(count: int, *, now: datetime) -> list[int]:
    """Ids of `count` paid bookings of many experts that are due at `now`, the grace included."""
    quiet = Booking.objects.filter(
        state="scheduled", version=1, ends_at__lt=now - LONG_AGO, price_minor__gt=0
    )
    # A stride, so that they do not all lie on the same few pages of the table.
    ids = sorted(quiet.order_by("id").values_list("id", flat=True)[: count * 3])[::3]
    if len(ids) < count:
        raise SystemExit(f"There are no {count:,} quiet calls left in this database.")
    report = STORIES["reported"]
    writer = Writer(connection)
    reported = int((now - timedelta(hours=73)).timestamp())
    starts = "CAST(extract(epoch FROM starts_at) AS bigint)"
    if isinstance(writer.dialect, SQLite):
        starts = "CAST(strftime('%s', starts_at) AS int)"
    chosen = ", ".join(map(str, ids))
    with transaction.atomic():
        writer.execute(
            "CREATE TEMPORARY TABLE bench_plan AS SELECT id, expert_id AS expert, "
            f"price_minor AS price, {starts} AS starts, 'reported' AS story, "
            f"{reported} - id % 3000 AS t1 FROM bookings_booking WHERE id IN ({chosen})"
        )
        # Its events have ids between older ones, which the chain of SQLite does not take.
        history_chain.remove(connection)
        writer.history("reported", report)
        history_chain.install(connection)
        cases.write_one(writer, "reported", report)
        deadline = writer.moment(report.deadline)
        writer.execute(
            "UPDATE bookings_booking SET state = 'no_show_reported', version = 2, "
            f"has_open_report = {writer.dialect.literal(True)}, reports_this_attempt = 1, "
            f"deadline_at = (SELECT {deadline} FROM bench_plan "
            "WHERE bench_plan.id = bookings_booking.id) "
            f"WHERE id IN ({chosen})"
        )
        writer.execute("DROP TABLE bench_plan")
    return ids
