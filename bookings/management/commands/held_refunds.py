"""manage.py held_refunds: what waits for somebody to release it, after a restore for example."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from bookings import formats
from bookings.models import Refund

NAMED = 200


class Command(BaseCommand):
    help = "Lists the refunds that are held, with the reason of each."

    def handle(self, *args: Any, **options: Any) -> None:
        held = Refund.objects.exclude(hold_reason="").order_by("id")
        for refund in held.select_related("booking")[:NAMED]:
            amount = formats.money(refund.amount_minor, refund.currency)
            self.stdout.write(f"{refund.booking.code}  {amount}  {refund.hold_reason}")
        count = held.count()
        if not count:
            self.stdout.write("No refund is held.")
            return
        more = f" The first {NAMED} of them are listed." if count > NAMED else ""
        self.stdout.write(
            f"Held: {count}.{more} Release them in the administration when they are right: "
            f"{settings.SITE_URL}{reverse('admin:bookings_refund_changelist')}"
        )
