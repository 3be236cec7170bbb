from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0008_buyer_of_a_booking"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="refund", name="refund_needs_staff"),
        migrations.AlterField(
            model_name="refund",
            name="absent_at",
            field=models.DateTimeField(
                blank=True,
                help_text="since when the provider does not know it, and a person may decide",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="stored_failure_at",
            field=models.DateTimeField(
                blank=True,
                help_text="since when the provider answers this key with its own error, or with no",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["unknown", "declined", "reversed", "manual_due"]),
                    models.Q(("hold_reason", ""), _negated=True),
                    models.Q(("alerted_at__isnull", False), ("state", "accepted")),
                    models.Q(
                        ("absent_at__isnull", False),
                        ("alerted_at__isnull", False),
                        ("state", "succeeded"),
                    ),
                    _connector="OR",
                ),
                fields=["id"],
                name="refund_needs_staff",
            ),
        ),
    ]
