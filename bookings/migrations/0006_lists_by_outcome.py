from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0005_sweep_clocks"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                condition=models.Q(("state", "scheduled"), _negated=True),
                fields=["expert", "state", "-ends_at", "-id"],
                name="booking_by_outcome",
            ),
        ),
    ]
