import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0009_refunds_that_need_staff"),
    ]

    operations = [
        migrations.CreateModel(
            name="SetAside",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("deadline_at", "What its deadline asks for"),
                            ("next_reminder_at", "A reminder"),
                        ],
                        help_text="the column it was due by",
                        max_length=20,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=1)),
                ("since", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("last_error", models.CharField(max_length=500)),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="set_aside",
                        to="bookings.booking",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "bookings set aside",
                "constraints": [
                    models.UniqueConstraint(fields=("booking", "step"), name="set_aside_once")
                ],
            },
        ),
    ]
