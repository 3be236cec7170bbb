"""The front page, help articles and support."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import database_time, helpdesk, printed_passwords, setup, unsent
from bookings.access import (
    ExpertRequest,
    expert_of,
    expert_required,
    fills_in_again,
)
from bookings.addresses import mailto
from bookings.formats import moment
from bookings.forms.fields import LineField, ParagraphsField, Styled
from bookings.models import Booking, Expert, HelpFeedback, User
from bookings.policy import Policy
from bookings.presenters import buying
from bookings.wording.limits import BANK_DAYS, figures

logger = logging.getLogger(__name__)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if expert_of(request) is not None:
        return redirect("need_action")
    if not request.user.is_authenticated:
        return landing(request)
    if request.user.is_superuser and not Expert.objects.exists():
        return redirect("setup")
    return redirect("admin:index") if request.user.is_staff else no_profile(request)


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Where the admin's link to the site leads: to the desk of an expert, or else to a page that
    says what visitors can open."""
    if expert_of(request) is not None or not request.user.is_authenticated:
        return redirect("home")
    return no_profile(request)


def landing(request: HttpRequest) -> HttpResponse:
    """For visitors who are not signed in; `home` sends everybody else to their work."""
    context = {
        "demo_sign_ins": printed_passwords.of_this_site(),
        "policy": figures(Policy.in_force()),
        "is_unclaimed": _is_unclaimed(),
        **_directory(),
    }
    return render(request, "pages/landing.html", context)


LISTED_AT_ONCE = 24


def _directory(after: int = 0) -> dict[str, Any]:
    """Experts who can be booked and whose id is above `after`. The next page begins after `last`,
    which is empty on the last page. A site with one expert has no directory, nor has one whose
    owner wants none. The front page works without the database."""
    found: list[Expert] = []
    if settings.HAS_DIRECTORY:
        with suppress(DatabaseError):
            found = list(Expert.objects.to_book().filter(pk__gt=after)[: LISTED_AT_ONCE + 1])
    if not after and len(found) < 2:
        found = []
    shown = found[:LISTED_AT_ONCE]
    last = shown[-1].pk if len(found) > len(shown) else ""
    return {"experts": [buying.host(expert) for expert in shown], "last": last}


@require_safe
def experts(request: HttpRequest) -> HttpResponse:
    """All experts who can be booked, a page at a time."""
    after = request.GET.get("after", "")
    is_id = after.isascii() and after.isdecimal() and len(after) < 19
    directory = _directory(int(after) if is_id else 0)
    if not directory["experts"] and not is_id:
        raise Http404("This site lists no experts.")
    return render(request, "pages/experts.html", directory)


def _is_unclaimed() -> bool:
    """Whether nobody has set up this site yet. The front page works without the database."""
    try:
        return not setup.has_owner()
    except DatabaseError:
        return False


def no_profile(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    """Tells somebody who is signed in but not an expert why they have no desk and what to do."""
    context = {"guide": without_profile(cast(User, request.user))}
    return render(request, "accounts/no_profile.html", context, status=status)


SHOPS_SHOWN = 12


def without_profile(user: User) -> dict[str, Any]:
    """What an account without an expert profile can do next."""
    us = settings.STAFF_EMAIL[0] if settings.STAFF_EMAIL else ""
    experts = Expert.objects.none()
    if user.is_staff and user.has_perm("bookings.view_expert"):
        experts = Expert.objects.selling().order_by("name", "pk")
    found = list(experts[: SHOPS_SHOWN + 1])
    return {
        # The link that begins an e-mail to staff; empty where nobody is named.
        "letter": mailto(us, f"An expert profile for {user.email}") if us else "",
        "may_add_expert": user.is_staff and user.has_perm("bookings.add_expert"),
        # For staff: the experts by name, each with the last part of their page's address.
        "shops": tuple((expert.name, expert.slug) for expert in found[:SHOPS_SHOWN]),
        "has_more_shops": len(found) > SHOPS_SHOWN,
    }


# --- help -----------------------------------------------------------------------------------------

ARTICLES = {"help_no_shows": "no-shows", "help_followers": "followers"}
"""The name of each article's route and template, and the name its feedback is stored under."""
STAGES = ("ask", "comment", "thanks")


class VerdictForm(forms.Form):
    """Step one: did it help?"""

    answer = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")])


class CommentForm(Styled, forms.Form):
    """Step two, after the answer is stored."""

    comment = ParagraphsField(
        max_length=HelpFeedback._meta.get_field("comment").max_length or 2000,
        rows=3,
        label="What should we add or change?",
    )


@require_safe
def article(request: HttpRequest, name: str) -> HttpResponse:
    asked_for = request.GET.get("feedback", "ask")
    is_known = asked_for == "ask" or _session_key(name) in request.session
    return _article(request, name, stage=asked_for if is_known and asked_for in STAGES else "ask")


@require_POST
def feedback(request: HttpRequest, name: str) -> HttpResponse:
    """Keep the answer, yes or no, and then the comment if there is one."""
    verdict, key = VerdictForm(request.POST), _session_key(name)
    if verdict.is_valid():
        user = request.user if isinstance(request.user, User) else None
        answer = helpdesk.rate(
            ARTICLES[name],
            is_helpful=verdict.cleaned_data["answer"] == "yes",
            user=user,
            earlier_id=request.session.get(key),
            now=database_time.now(),
        )
        if answer is None:
            return _after(request, name, stage="thanks")
        request.session[key] = answer.pk
        return _after(request, name, stage="comment")
    comment = CommentForm(request.POST)
    if not comment.is_valid():
        return _article(request, name, stage="comment", form=comment, status=422)
    if not helpdesk.comment(request.session.get(key, 0), comment.cleaned_data["comment"]):
        return _after(request, name, stage="ask")
    return _after(request, name, stage="thanks")


def _session_key(name: str) -> str:
    """Where the id of this visitor's answer is kept."""
    return f"{name}_feedback"


def _after(request: HttpRequest, name: str, *, stage: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        return _article(request, name, stage=stage)
    return redirect(f"{reverse(name)}?feedback={stage}#feedback")


def _article(
    request: HttpRequest,
    name: str,
    *,
    stage: str,
    form: CommentForm | None = None,
    status: int = 200,
) -> HttpResponse:
    is_part = bool(getattr(request, "htmx", False)) and request.method == "POST"
    context = {
        "shell": "base.html" if expert_of(request) else "public.html",
        "policy": figures(Policy.in_force()),
        "bank_days": BANK_DAYS,
        "stage": stage,
        "form": form or CommentForm(),
        "feedback_url": reverse(f"{name}_feedback"),
    }
    template = f"pages/{name}.html" + ("#feedback" if is_part else "")
    return render(request, template, context, status=status)


@require_safe
@expert_required
def keys(request: ExpertRequest) -> HttpResponse:
    """The dialog that lists the single keys. By itself it is no page."""
    if not getattr(request, "htmx", False):
        return redirect("account")
    return render(request, "_keys.html")


# --- an expert asks staff for help ----------------------------------------------------------------


class SupportForm(Styled, forms.Form):
    subject = LineField(
        max_length=120,
        label="What is it about?",
        error_messages={"required": "Say in a few words what it is about."},
    )
    code = LineField(
        label="Booking",
        required=False,
        max_length=20,
        help_text="Its code, as in TM-7KQ4X9M, if it is about one call.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    message = ParagraphsField(
        max_length=5000,
        rows=7,
        label="What happened?",
        error_messages={"required": "Say what happened."},
    )

    def __init__(self, *args: Any, expert: Expert, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expert = expert
        self.booking: Booking | None = None

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"]).upper()
        if code:
            self.booking = self.own_booking(code)
            if self.booking is None:
                raise forms.ValidationError("You have no booking with this code.")
        return code

    def own_booking(self, code: str) -> Booking | None:
        return Booking.objects.of_expert(self.expert).filter(code=code).first()


@require_http_methods(["GET", "HEAD", "POST"])
@expert_required
@fills_in_again
def support(request: ExpertRequest) -> HttpResponse:
    if request.method == "POST":
        return _ask_staff(request)
    # A code that is not the expert's own is not repeated, as if it did not exist.
    asked = {"code": request.GET.get("booking", ""), **unsent.show(request)}
    form = SupportForm(expert=request.expert, initial=asked)
    if form.own_booking(form.initial["code"]) is None:
        form.initial["code"] = ""
    return _support(request, form)


def _ask_staff(request: ExpertRequest) -> HttpResponse:
    form = SupportForm(request.POST, expert=request.expert)
    if not form.is_valid():
        return _support(request, form)
    data = form.cleaned_data
    try:
        helpdesk.ask(
            request.expert,
            subject=data["subject"],
            message=data["message"],
            booking=form.booking,
            now=database_time.now(),
        )
    except helpdesk.TooManyRequests:
        form.add_error(
            None, "You have sent many requests today. Please reply to one of our e-mails instead."
        )
        return _support(request, form)
    messages.success(
        request, f"We have your request. We will answer to {request.expert.user.email}."
    )
    return redirect("support")


def _support(request: ExpertRequest, form: SupportForm) -> HttpResponse:
    context = {
        "form": form,
        "requests": request_rows(request.expert, now=database_time.now()),
        "section": "account",
    }
    return render(request, "pages/support.html", context, status=422 if form.errors else 200)


SHOWN = 50


def request_rows(expert: Expert, *, now: datetime) -> list[dict[str, Any]]:
    def at(instant: datetime | None) -> str:
        return moment(instant, expert.time_zone, expert.clock, now) if instant else ""

    newest = expert.support_requests.select_related("booking").order_by("-id")[:SHOWN]
    return [
        {
            "subject": asked.subject,
            "message": asked.message,
            "asked": at(asked.created_at),
            "booking_code": asked.booking.code if asked.booking else "",
            "answer": asked.answer,
            # Empty while nobody has answered.
            "answered": at(asked.answered_at),
        }
        for asked in newest
    ]


# --- for machines that read the site --------------------------------------------------------------

NOT_FOR_ROBOTS = (
    "admin", "account", "bookings", "checkout", "setup", "invitation", "sign-in", "password",
)  # fmt: skip
MOST_IN_A_SITEMAP = 50_000


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    lines = [
        "User-agent: *",
        *(f"Disallow: /{folder}/" for folder in NOT_FOR_ROBOTS),
        f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """The public pages: the front page, the help, and the pages of experts who can be booked."""
    paths = [reverse("home"), *(reverse(name) for name in ARTICLES)]
    if settings.HAS_DIRECTORY:
        slugs = Expert.objects.to_book().values_list("slug", flat=True)
        room = MOST_IN_A_SITEMAP - len(paths)
        paths += [reverse("shop", kwargs={"slug": slug}) for slug in slugs[:room]]
    text = render_to_string("pages/sitemap.xml", {"site_url": settings.SITE_URL, "paths": paths})
    return HttpResponse(text, content_type="application/xml")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For programs that ask for it by this name, whatever a page says."""
    return redirect(static("favicon.ico"))


urlpatterns: list[URLPattern] = [
    path("", home, name="home"),
    path("start/", start, name="start"),
    path("keys/", keys, name="keys"),
    path("experts/", experts, name="experts"),
    path("robots.txt", robots, name="robots"),
    path("sitemap.xml", sitemap, name="sitemap"),
    path("favicon.ico", favicon, name="favicon"),
    path("support/", support, name="support"),
    *(
        path(f"help/{slug}/{rest}", view, {"name": name}, name=f"{name}{ending}")
        for name, slug in ARTICLES.items()
        for view, rest, ending in ((article, "", ""), (feedback, "feedback/", "_feedback"))
    ),
]
