"""Our admin in the place of Django's, and what `manage.py check --deploy` says beyond Django's own.

The admin's site is not inside bookings.admin: loading it would register every model on a site of
its own.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, Warning, register


class StaffAdminConfig(AdminConfig):
    default_site = "bookings.staff_site.StaffSite"


TEST_KEYS = ("sk_test_", "rk_test_", "rzp_test_")


@register(Tags.security, deploy=True)
def payments_are_real(**_: Any) -> list[Warning]:
    """What a real site may have for a while, and its owner should know. What it must not have is
    refused at the start, by the settings."""
    keys = {
        "STRIPE_SECRET_KEY": settings.STRIPE_SECRET_KEY,
        "RAZORPAY_KEY_ID": settings.RAZORPAY_KEY_ID,
    }
    return [
        Warning(
            f"{name} is a test key: calls are sold, and nobody pays for them.",
            hint="Take the live key from the provider's dashboard.",
            id=f"topmate.W00{number}",
        )
        for number, (name, key) in enumerate(keys.items(), start=1)
        if key.startswith(TEST_KEYS)
    ]
