from django.db import migrations, models

from bookings.migrations import _guards as guards


def take_guards_off(apps, schema_editor):
    """An older SQLite drops a column by making the table anew, without its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        guards.remove(schema_editor.connection)


def put_guards_on(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        guards.install(schema_editor.connection)


class Migration(migrations.Migration):
    ends_first = (
        "takes away a column that the release before writes. End its web, worker and beat processes "
        "before this migration runs, or they answer with errors until they are restarted."
    )
    dependencies = [
        ("bookings", "0006_lists_by_outcome"),
    ]

    operations = [
        migrations.RunPython(take_guards_off, put_guards_on),
        migrations.RemoveField(model_name="refund", name="lease_until"),
        migrations.RunPython(put_guards_on, take_guards_off),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(fields=["starts_at"], name="booking_by_start"),
        ),
        migrations.AddIndex(
            model_name="outboxemail",
            index=models.Index(
                condition=models.Q(("state", "failed")), fields=["id"], name="outbox_given_up"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["unknown", "declined", "reversed", "manual_due"]),
                    models.Q(("hold_reason", ""), _negated=True),
                    _connector="OR",
                ),
                fields=["id"],
                name="refund_needs_staff",
            ),
        ),
    ]
