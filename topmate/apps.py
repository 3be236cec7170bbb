"""Our admin in the place of Django's.

Its site is not inside bookings.admin: loading it would register every model on a site of its own.
"""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    default_site = "bookings.staff_site.StaffSite"

    def ready(self) -> None:
        super().ready()
        from topmate import checks  # noqa: F401  registers itself
