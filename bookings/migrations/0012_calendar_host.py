from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, migrations, models

import bookings.models.booking
from bookings.migrations import _guards as guards


def host_in_use():
    """Calendars know the bookings that are there by the host that the last e-mail was given; the
    site may move to another address together with this release."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT message_id FROM bookings_outboxemail ORDER BY id DESC LIMIT 1")
        row = cursor.fetchone()
    host = row[0].strip("<>").rpartition("@")[2] if row else ""
    return host[:255] or urlsplit(settings.SITE_URL).hostname or "localhost"


def take_guards_off(apps, schema_editor):
    """SQLite adds such a column by making the table anew, without its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        guards.remove(schema_editor.connection)


def put_guards_on(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        guards.install(schema_editor.connection)


def field(default):
    return models.CharField(
        default=default,
        editable=False,
        help_text="the site's host when the booking was made; calendars know the call by it",
        max_length=255,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0011_refuse_truncate"),
    ]

    operations = [
        migrations.RunPython(take_guards_off, put_guards_on),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField("booking", "calendar_host", field(host_in_use))
            ],
            state_operations=[
                migrations.AddField(
                    "booking", "calendar_host", field(bookings.models.booking.site_host)
                )
            ],
        ),
        migrations.RunPython(put_guards_on, take_guards_off),
    ]
