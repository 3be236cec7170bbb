"""Events are chained, and the words of a person can be erased. On SQLite columns are added by hand, as in
0013."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from bookings.migrations import _history as history


class AddColumn(migrations.AddField):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        definition, parameters = schema_editor.column_sql(model, field)
        table, column = map(schema_editor.quote_name, (model._meta.db_table, field.column))
        sql = f"ALTER TABLE {table} ADD COLUMN {column} {definition}"
        schema_editor.execute(sql, parameters or None)


def begin(apps, schema_editor):
    """From here on every event has a hash, also those of servers of the release before."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute(f"LOCK TABLE {history.EVENTS} IN SHARE ROW EXCLUSIVE MODE")
    history.add_columns(schema_editor.connection)
    history.install(schema_editor.connection)
    history.refuse_truncate(schema_editor.connection)
    history.begin(schema_editor.connection, timezone.now())


def end(apps, schema_editor):
    history.remove(schema_editor.connection)
    history.allow_truncate(schema_editor.connection)
    history.refuse_every_change(schema_editor.connection)
    history.drop_columns(schema_editor.connection)
    heartbeats = apps.get_model("bookings", "Heartbeat").objects
    heartbeats.filter(name=history.BEGAN).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0016_signing_in"),
    ]

    operations = [
        AddColumn(
            model_name="follower",
            name="erased_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="since when nothing is known of them",
                null=True,
            ),
        ),
        AddColumn(
            model_name="booking",
            name="erased_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="since when nothing is known of the follower",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="HistoryHead",
            fields=[
                (
                    "booking",
                    models.OneToOneField(
                        db_constraint=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="bookings.booking",
                    ),
                ),
                ("length", models.PositiveIntegerField()),
                ("chain_hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("wanted", models.JSONField(default=dict)),
                (
                    "step",
                    models.CharField(
                        blank=True, help_text="the step that comes next", max_length=40
                    ),
                ),
                (
                    "last_id",
                    models.BigIntegerField(default=0, help_text="how far that step has come"),
                ),
                ("began_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "follower",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure",
                        to="bookings.follower",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["id"],
                        name="erasure_unfinished",
                    )
                ],
            },
        ),
        migrations.RunPython(begin, end),
    ]
