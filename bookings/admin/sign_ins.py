"""Rights that several people of staff have. Wrong passwords have no page: their rows are gone after
a day, and what they close opens by itself."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from bookings.admin.base import StrictAdmin

admin.site.unregister(Group)


@admin.register(Group)
class RightsAdmin(GroupAdmin, StrictAdmin[Group]):
    filter_horizontal = ()  # see `UserAdmin`
