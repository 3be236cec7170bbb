"""What an expert sells with: photo, words, questions, where a call takes place, earlier addresses.

On SQLite the columns are added by hand: Django would copy the tables for them, and lose their
triggers. Each has a default of the database's, so that a server which still runs the release before
can write rows without them.
"""

import django.db.models.deletion
from django.db import migrations, models


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


def keep_places(apps, schema_editor):
    """A service without a place left it to the expert to write to each buyer."""
    services = apps.get_model("bookings", "Service").objects.exclude(place="")
    services.update(place_kind="address")


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0012_calendar_host"),
    ]

    operations = [
        AddColumn(
            model_name="booking",
            name="answers",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="what the buyer was asked and wrote: [question, answer] each",
            ),
        ),
        AddColumn(
            model_name="checkout",
            name="answers",
            field=models.JSONField(
                blank=True, db_default=models.Value([], models.JSONField()), default=list
            ),
        ),
        AddColumn(
            model_name="checkout",
            name="place",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        AddColumn(
            model_name="expert",
            name="about",
            field=models.TextField(blank=True, db_default="", default="", max_length=2000),
        ),
        AddColumn(
            model_name="expert",
            name="headline",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        AddColumn(
            model_name="expert",
            name="is_new",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                verbose_name="is shown the first steps",
            ),
        ),
        AddColumn(
            model_name="expert",
            name="is_paused",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="takes no new bookings"
            ),
        ),
        AddColumn(
            model_name="expert",
            name="photo",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="name of the photo in the site's storage, without its size and ending",
                max_length=100,
            ),
        ),
        AddColumn(
            model_name="service",
            name="description",
            field=models.TextField(blank=True, db_default="", default="", max_length=600),
        ),
        AddColumn(
            model_name="service",
            name="place_kind",
            field=models.CharField(
                choices=[
                    ("address", "At a meeting link or address of mine"),
                    ("room", "In a video room that is made for each call"),
                    ("call_buyer", "By phone: I call the buyer"),
                    ("call_expert", "By phone: the buyer calls me"),
                    ("write", "I write to the buyer"),
                ],
                db_default="write",
                default="write",
                max_length=12,
                verbose_name="where the call takes place",
            ),
        ),
        AddColumn(
            model_name="service",
            name="position",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        AddColumn(
            model_name="service",
            name="questions",
            field=models.JSONField(
                blank=True, db_default=models.Value([], models.JSONField()), default=list
            ),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="service",
                    name="place",
                    field=models.CharField(
                        blank=True,
                        default="",
                        max_length=300,
                        verbose_name="link, address or telephone number",
                    ),
                ),
            ]
        ),
        migrations.RunPython(keep_places, migrations.RunPython.noop),
        migrations.CreateModel(
            name="FormerAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(unique=True)),
                (
                    "expert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_addresses",
                        to="bookings.expert",
                    ),
                ),
            ],
        ),
    ]
