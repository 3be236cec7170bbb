"""Sign-ins and rights: the tables of Django and of axes, in lists like ours."""

from __future__ import annotations

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from bookings.admin.base import BoundedAdmin

admin.site.unregister([AccessAttempt, AccessLog, AccessFailureLog, Group])


@admin.register(AccessAttempt)
class WrongPasswordsAdmin(AccessAttemptAdmin, BoundedAdmin[AccessAttempt]):  # type: ignore[misc]
    date_hierarchy = None


@admin.register(AccessLog)
class SignInsAdmin(AccessLogAdmin, BoundedAdmin[AccessLog]):  # type: ignore[misc]
    date_hierarchy = None


@admin.register(AccessFailureLog)
class FailedSignInsAdmin(AccessFailureLogAdmin, BoundedAdmin[AccessFailureLog]):  # type: ignore[misc]
    date_hierarchy = None


@admin.register(Group)
class RightsAdmin(GroupAdmin, BoundedAdmin[Group]):
    filter_horizontal = ()  # see `UserAdmin`
