"""The name, zone and clock that were given with a booking; names kept composed (NFC).

The columns are added by hand: SQLite would copy the table for them, and its triggers with it, and
a server that still runs the release before must be able to write rows without them.
"""

import unicodedata

from django.db import migrations, models

COLUMNS = {"buyer_name": 80, "buyer_zone": 64, "buyer_clock": 2}
AT_ONCE = 1000


def compose_names(apps, schema_editor):
    """A search is composed, and finds what it looks in only where that is as well."""
    for name in ("Follower", "Expert"):
        model = apps.get_model("bookings", name)
        changed = []
        for row in model.objects.only("pk", "name").iterator(chunk_size=AT_ONCE):
            if not unicodedata.is_normalized("NFC", row.name):
                row.name = unicodedata.normalize("NFC", row.name)
                changed.append(row)
        model.objects.bulk_update(changed, ["name"], batch_size=AT_ONCE)


def column(name, length):
    return migrations.RunSQL(
        f"ALTER TABLE bookings_booking ADD COLUMN {name} varchar({length}) NOT NULL DEFAULT ''",
        f"ALTER TABLE bookings_booking DROP COLUMN {name}",
        state_operations=[
            migrations.AddField(
                model_name="booking",
                name=name,
                field=models.CharField(blank=True, db_default="", default="", max_length=length),
            )
        ],
    )


class Migration(migrations.Migration):
    dependencies = [("bookings", "0007_staff_queues")]
    operations = [
        *(column(name, length) for name, length in COLUMNS.items()),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                condition=models.Q(("buyer_name", ""), _negated=True),
                fields=["id"],
                name="booking_with_a_name",
            ),
        ),
        migrations.RunPython(compose_names, migrations.RunPython.noop),
    ]
