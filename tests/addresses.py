"""Every address of the site, in groups by who may open it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from bookings.models import Booking

FOR_EVERYBODY = {
    "home", "start", "time_zones", "sign_in", "sign_out", "password_reset",
    "password_reset_done",
    "password_reset_complete", "help_no_shows", "help_no_shows_feedback",
    "help_followers", "help_followers_feedback", "theme", "healthz",
    "healthz_deep", "readyz", "metrics", "experts", "robots", "sitemap", "favicon",
}  # fmt: skip
KEPT_BY_BROWSERS = {"time_zones", "photo"}
"""the same for everybody, and of nobody"""
ONLY_IN_THE_DEMO = {"demo_inbox", "demo_message", "demo_message_html", "demo_message_calendar"}
BY_SIGNATURE = {
    "password_reset_confirm",
    "stripe_webhook",
    "razorpay_webhook",
    "stripe_webhook_plain",
    "razorpay_webhook_plain",
    "setup_owner",
    "invitation",
}
BY_PRIVATE_LINK = {
    "pick": "pick", "refund_instead": "pick",
    "report": "report", "withdraw_report": "report", "move_instead": "report",
    "contest": "contest",
    "status": "status", "status_calendar": "status",
    "new_link": "pick",
}  # fmt: skip
OF_A_BOOKING = {
    "booking", "booking_row", "reschedule", "mark_completed", "refund_now", "cancel",
    "withdraw_offer", "undo", "resend_offer",
}  # fmt: skip
FOR_EXPERTS = {
    "need_action", "waiting", "need_count", "bulk_reschedule", "bulk_undo", "completed_calls",
    "upcoming",
    "availability", "save_week", "save_rules", "add_override", "remove_override", "support",
    "services", "add_service", "edit_service", "preview_service", "pause", "up_service",
    "down_service", "hide_service", "show_service", "duplicate_service",
    "profile", "preview_profile", "share", "qr_code", "end_first_steps",
    "keys", "your_data", "your_data_file",
}  # fmt: skip
BY_CHECKOUT_KEY = {
    "checkout", "checkout_pay", "checkout_check", "checkout_leave", "checkout_again",
    "checkout_back", "checkout_calendar",
}  # fmt: skip
FOR_SALE = {"shop", "buy", "embed", "photo"}
FOR_ANYBODY_SIGNED_IN = {
    "account", "password_change", "security", "set_up_factor", "remove_factor", "recovery_codes",
    "end_session",
}  # fmt: skip
AFTER_THE_PASSWORD = {"sign_in_code", "sign_in_set_up"}
FOR_THE_OWNER = {
    "setup", "send_test_mail", "become_expert", "invite_expert", "send_invitation_again",
    "revoke_invitation",
}  # fmt: skip
GROUPS = [
    FOR_EVERYBODY, ONLY_IN_THE_DEMO, BY_SIGNATURE, set(BY_PRIVATE_LINK), OF_A_BOOKING,
    FOR_EXPERTS, FOR_ANYBODY_SIGNED_IN, AFTER_THE_PASSWORD, FOR_THE_OWNER, BY_CHECKOUT_KEY, FOR_SALE,
]  # fmt: skip


def walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(route, name) of every address."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.name or ""
        else:
            yield from walk(pattern, route)


ROUTES = list(walk(get_resolver()))
OURS = [(route, name) for route, name in ROUTES if not route.startswith("admin/")]
ADMIN = [route for route, _ in ROUTES if route.startswith("admin/")]


def path(route: str, **values: Any) -> str:
    """The address of a route: `values` where they fit, else something plausible."""
    usual = {
        "pk": 1, "id": 1, "purpose": "pick", "token": "x" * 40, "uidb64": "MQ", "object_id": 1,
        "url": "x/", "slug": "nobody", "service_id": 1, "key": "x" * 32,
        "content_type_id": 1, "app_label": "bookings", "name": "refund", "size": "small", "code": "TM-2222222",
    }  # fmt: skip
    known = {**usual, **values}
    filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(known[m[1]]), _without_regex(route))
    return f"/{filled}"


def _without_regex(route: str) -> str:
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("^", "").replace("$", "")


def routes_of(names: Any) -> list[str]:
    return [route for route, name in OURS if name in names]


# What somebody could send to change something; extra fields are ignored by the forms.
EVERYTHING = {
    "mode": "availability", "note": "n", "reason": "expert_absent", "text": "t", "outcome":
    "held_elsewhere", "channel": "video", "held_at": "2026-11-20T10:00", "minutes": "30",
    "state": "refunded", "amount": "1", "amount_minor": "1", "expert": "1", "request_key": "walk",
    "subject": "s", "message": "m", "day": "2027-01-01", "kind": "off", "step_minutes": "15",
    "buffer_minutes": "0", "min_notice_minutes": "0", "window_days": "9", "name": "Walker",
    "title": "Walk", "duration_minutes": "30", "price": "5", "currency": "EUR", "place": "x",
    "place_kind": "room", "headline": "h", "about": "a", "pause": "yes",
    "time_zone": "UTC", "clock": "24", "theme": "dark", "decision": "refunded", "confirm": "yes",
}  # fmt: skip


def rows_about(booking: Booking) -> dict[str, Any]:
    """The booking with everything that points to it."""
    found: dict[str, Any] = {"booking": list(Booking.objects.filter(pk=booking.pk).values_list())}
    for relation in Booking._meta.related_objects:
        rows = relation.related_model._default_manager.filter(**{relation.field.name: booking})
        found[relation.related_model.__name__] = list(rows.order_by("pk").values_list())
    return found
