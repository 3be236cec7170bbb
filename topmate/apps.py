"""Our admin in the place of Django's."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    default_site = "bookings.admin.site.StaffSite"
