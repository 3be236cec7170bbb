"""When a payment is compared next is a clock with an index, not a search through all payments;
and what the sweep asks for each minute has a partial index."""

from datetime import timedelta

from django.db import migrations, models
from django.utils import timezone

WATCHED_FOR = timedelta(days=7)


def start_clocks(apps, schema_editor):
    now = timezone.now()
    payments = apps.get_model("bookings", "Payment").objects
    payments.filter(paid_at__gte=now - WATCHED_FOR).update(next_compare_at=now)
    refunds = apps.get_model("bookings", "Refund").objects
    lately = refunds.filter(created_at__gte=now - WATCHED_FOR)
    payments.filter(pk__in=lately.values("payment")).update(next_compare_at=now)
    unfinished = refunds.filter(finished_at=None).exclude(state__in=["void", "declined"])
    payments.filter(pk__in=unfinished.values("payment")).update(next_compare_at=now)


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0004_refund_engine"),
    ]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="next_compare_at",
            field=models.DateTimeField(
                blank=True, help_text="when it is compared with them next", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                fields=["next_compare_at", "id"],
                condition=models.Q(next_compare_at__isnull=False),
                name="payment_next_compare",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                fields=["created_at"],
                condition=models.Q(state="manual_due", alerted_at__isnull=True),
                name="refund_by_hand",
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                fields=["created_at"],
                condition=models.Q(state="expired"),
                name="checkout_expired",
            ),
        ),
        migrations.RunPython(start_clocks, migrations.RunPython.noop),
    ]
