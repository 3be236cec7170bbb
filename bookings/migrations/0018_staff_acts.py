"""What staff did stands in one list, which nobody can edit."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from bookings.migrations import _acts as acts


def keep(apps, schema_editor):
    acts.install(schema_editor.connection)
    acts.refuse_truncate(schema_editor.connection)


def keep_no_more(apps, schema_editor):
    acts.allow_truncate(schema_editor.connection)
    acts.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0017_erasing"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("what", models.CharField(max_length=200)),
                ("reason", models.CharField(blank=True, max_length=2000)),
                ("about", models.CharField(blank=True, max_length=300)),
                (
                    "changes",
                    models.JSONField(
                        blank=True, default=list, help_text="[what, before, after] each"
                    ),
                ),
                (
                    "booking",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bookings.booking",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="empty for what was done on the command line",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "expert",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bookings.expert",
                    ),
                ),
                (
                    "follower",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bookings.follower",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "what staff did",
            },
        ),
        migrations.RunPython(keep, keep_no_more),
    ]
