"""The admin itself: for staff only, through our own sign-in, with the queues on its first page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from bookings import database_time, signing_in
from bookings.lists import COUNTED_UP_TO
from bookings.models import (
    Booking,
    Contest,
    OutboxEmail,
    OutboxState,
    Refund,
    SetAside,
    SupportRequest,
    User,
)
from bookings.policy import Policy
from bookings.presenters.groups import bounded
from bookings.wording.limits import policy_rows
from topmate import health

NAV = (
    ("Bookings", "booking"),
    ("Contested", "contest"),
    ("Refunds", "refund"),
    ("E-mails", "outboxemail"),
    ("Support", "supportrequest"),
    ("Experts", "expert"),
    ("What staff did", "staffact"),
)


def _nav(request: HttpRequest) -> list[tuple[str, str]]:
    """Only what the person may look at."""
    return [
        (label, reverse(f"admin:bookings_{model}_changelist"))
        for label, model in NAV
        if request.user.has_perm(f"bookings.view_{model}")
    ]


def _refuse_what_no_page_asks(request: HttpRequest) -> None:
    """Values that none of the admin's own links has, and on which its pages would break: a NUL,
    which PostgreSQL does not take in any comparison, and a pop-up that answers to no field."""
    values = [value for _, some in request.GET.lists() for value in some]
    if any("\x00" in value for value in values):
        raise BadRequest("A value in the address has a NUL in it")
    if "" in (request.GET.get(TO_FIELD_VAR), request.POST.get(TO_FIELD_VAR)):
        raise BadRequest("The pop-up answers to no field")


CHANGES_NOTHING = ("_changelist",)
"""Ends of the names of pages whose forms only choose rows."""
MOVES_NOTHING = {
    "bookings_outboxemail_act", "bookings_supportrequest_change", "logout",
}  # fmt: skip
"""By which no money moves and nobody gets into another account."""
TAKES_PASSWORDS = {"auth_user_password_change"}
"""Pages that ask who it is before they are filled in: what is typed there is not kept."""


def _needs_confirmation(request: HttpRequest) -> bool:
    """Whatever is sent in the admin may move money or change who may do what, unless it is named
    above. So a page that is added later asks, too."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    if name in TAKES_PASSWORDS:
        return True
    is_harmless = name in MOVES_NOTHING or str(name).endswith(CHANGES_NOTHING)
    return request.method == "POST" and not is_harmless


class StaffSite(AdminSite):
    site_title = f"{settings.SITE_NAME} staff"
    site_header = f"{settings.SITE_NAME} staff"
    index_title = "What needs you"
    empty_value_display = "–"
    enable_nav_sidebar = False  # the header has the queues; lists need the width

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """For somebody signed in without the right, the admin does not exist."""
        guarded: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404("Only for staff.")
            _refuse_what_no_page_asks(request)
            is_asked = self.has_permission(request) and _needs_confirmation(request)
            asked = signing_in.ask_again(request, back=request.path) if is_asked else None
            return asked or guarded(request, *args, **kwargs)

        return update_wrapper(checked, guarded)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One door for everybody, with the same limit on wrong passwords."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise Http404("Only for staff.")
        return redirect_to_login(
            request.GET.get("next") or reverse("admin:index"), reverse("sign_in")
        )

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """One page for everybody, which also ends other sessions and tells by e-mail."""
        return redirect("password_change")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        policy = path("policy/", self.admin_view(self.policy), name="policy")
        return [policy, *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        is_staff = self.has_permission(request)
        state, age = health.sweep() if is_staff else ("ok", None)
        return {
            **super().each_context(request),
            "site_url": reverse("start"),
            "staff_nav": _nav(request),
            "sweep_state": state,
            "clock_state": health.clock() if is_staff else "ok",
            "sweep_minutes": None if age is None else age // 60,
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        context = {"queues": queues(request.user, now=database_time.now()), **(extra_context or {})}
        return super().index(request, context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Our tables first, then those of the parts."""
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: app["app_label"] != "bookings")

    def policy(self, request: HttpRequest) -> HttpResponse:
        """Read-only: the limits come from the settings, and each booking keeps its own copy."""
        if not request.user.has_perm("bookings.view_booking"):
            raise PermissionDenied
        context = {
            **self.each_context(request),
            "title": "Policy in force",
            "rows": policy_rows(Policy.in_force()),
        }
        return TemplateResponse(request, "admin/policy.html", context)


# --- what waits for staff, counted no further than it is shown ------------------------------------


SELDOM = {"setaside"}
"""Shown only where something waits."""
CALM = {"booking": "The sweep closes these as they fall due."}
"""Hints that would alarm where nothing waits."""


def queues(user: User | AnonymousUser, *, now: datetime) -> list[dict[str, Any]]:
    """Only those the person may look at."""
    found = []
    for model, label, hint, query, rows in _sources(now):
        if user.has_perm(f"bookings.view_{model}"):
            count = _counted(rows)
            if model in SELDOM and not count:
                continue
            hint = hint if count else CALM.get(model, hint)
            found.append(
                {
                    "label": label,
                    # Empty when nothing waits.
                    "count": count,
                    "hint": hint,
                    "url": reverse(f"admin:bookings_{model}_changelist") + query,
                }
            )
    return found


def _counted(rows: QuerySet[Any]) -> str:
    count = rows.order_by()[:COUNTED_UP_TO].count()
    return bounded(count) if count else ""


def _sources(now: datetime) -> list[tuple[str, str, str, str, QuerySet[Any]]]:
    undecided = Contest.objects.filter(decision="", booking__state="contested")
    return [
        ("contest", "Contested calls", "Read both sides and decide.", "?decision=open", undecided),
        (
            "refund",
            "Refunds that need staff",
            "Declined, sent back, on hold, without an answer, or to be paid by hand.",
            "?needs=staff",
            Refund.objects.needing_staff(),
        ),
        (
            "setaside",
            "Bookings set aside",
            "The sweep cannot go on with these. See why, then have them tried again.",
            "",
            SetAside.objects.all(),
        ),
        (
            "outboxemail",
            "E-mails given up",
            "Find out why, then try again.",
            "?state__exact=failed",
            OutboxEmail.objects.filter(state=OutboxState.FAILED),
        ),
        (
            "supportrequest",
            "Support requests",
            "Experts who wait for an answer.",
            "?answered=no",
            SupportRequest.objects.filter(answered_at__isnull=True),
        ),
        (
            "booking",
            "Past their deadline",
            "The sweep should have closed these. Is it running?",
            "?late=yes",
            Booking.objects.overdue(now),
        ),
    ]
