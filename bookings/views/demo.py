"""The demo inbox: every e-mail that would have been sent, while no mail server is configured."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from bookings import addresses, demo_inbox, formats, printed_passwords, zones
from bookings.models import Clock, StoredMessage
from bookings.plain_text import one_line
from topmate.middleware import csp_override

PER_PAGE = 50
SHOWN_RECIPIENTS = 30
E_MAIL_CSP = {**settings.SECURE_CSP, "style-src": ["'self'", "'unsafe-inline'"]}
"""E-mails need inline styles; scripts stay forbidden."""
FADE = (
    "<style>@media (prefers-reduced-motion: no-preference) "
    "{ @view-transition { navigation: auto; } }</style>"
)
"""As `css/base.css` has it: a page that fades into one that does not is an error to the browser."""


def only_in_the_demo(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """They show private links and those for a new password to whoever opens them. So they exist
    only where the demo's invented people are, and where nobody else can reach the site."""

    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not printed_passwords.of_this_site():
            raise Http404("There is no demo inbox here.")
        return view(request, **kwargs)

    return require_safe(wrapped)


@only_in_the_demo
def inbox(request: HttpRequest) -> HttpResponse:
    to = addresses.kept(one_line(request.GET.get("to", "")[:300]))
    newest_id = demo_inbox.newest_id(to=to)
    is_poll = bool(getattr(request, "htmx", False))
    if is_poll and request.GET.get("seen") == str(newest_id):
        return HttpResponse(status=204)  # nothing new: the list and the focus stay as they are
    before = _number(request.GET.get("before", ""))
    found = demo_inbox.newest(to=to, before=before, at_most=PER_PAGE + 1)
    zone = _zone(request)
    context = {
        "rows": [_row(message, zone) for message in found[:PER_PAGE]],
        "older_than": found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        "recipients": demo_inbox.recipients(at_most=SHOWN_RECIPIENTS),
        "to": to,
        "newest_id": newest_id,
        "is_first_page": before is None,
    }
    return render(request, "demo/inbox.html" + ("#messages" if is_poll else ""), context)


@only_in_the_demo
def message(request: HttpRequest, pk: int) -> HttpResponse:
    stored = get_object_or_404(StoredMessage, pk=pk)
    context = {"message": stored, "when": _when(stored, _zone(request)), "text": _text(stored)}
    return render(request, "demo/message.html", context)


@only_in_the_demo
@csp_override(E_MAIL_CSP)
def message_html(request: HttpRequest, pk: int) -> HttpResponse:
    """The e-mail as it was designed, below a bar that leads back."""
    stored = get_object_or_404(StoredMessage, pk=pk)
    html = demo_inbox.with_links_to_here(stored, stored.html)
    icon = format_html('<link rel="icon" href="{}">', static("favicon.svg"))
    bar = render_to_string("demo/_bar.html", {"message": stored})
    head, body, rest = html.replace("</head>", f"{icon}{FADE}</head>", 1).partition("<body")
    tag, end, rest = rest.partition(">")
    return HttpResponse(f"{head}{body}{tag}{end}{bar}{rest}")


@only_in_the_demo
def message_calendar(request: HttpRequest, pk: int) -> HttpResponse:
    stored = get_object_or_404(StoredMessage, pk=pk)
    if not stored.calendar:
        raise Http404("This message has no calendar file.")
    return HttpResponse(
        stored.calendar,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="call.ics"'},
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _zone(request: HttpRequest) -> str:
    """The zone of the reader's device, which `app.js` writes into a cookie; else UTC."""
    return zones.first_known([request.COOKIES.get("tz", "")], otherwise="UTC")


def _when(stored: StoredMessage, zone: str) -> str:
    moment = formats.moment(stored.created_at, zone, Clock.TWENTY_FOUR)
    return f"{moment} ({formats.zone_place(zone)})"


def _row(stored: StoredMessage, zone: str) -> dict[str, Any]:
    start = " ".join(stored.text.partition("\n")[2].split()[:40])
    return {
        "pk": stored.pk,
        "subject": stored.subject,
        "to": stored.to,
        "when": _when(stored, zone),
        "iso": formats.utc_iso(stored.created_at),
        "start": start[:1].upper() + start[1:],
        "has_calendar": getattr(stored, "has_calendar", False),
        "page": "demo_message_html" if getattr(stored, "has_html", False) else "demo_message",
    }


def _text(stored: StoredMessage) -> SafeString:
    """The plain text with our own addresses as links; an address of anybody else stays text."""
    ours = re.escape(escape(settings.SITE_URL))
    text = escape(demo_inbox.with_links_to_here(stored, stored.text))
    return mark_safe(  # escaped before, and the link is made of escaped text
        re.sub(rf"{ours}/[\w./#~%-]*", r'<a href="\g<0>">\g<0></a>', text)
    )


urlpatterns: list[URLPattern] = [
    path("demo/inbox/", inbox, name="demo_inbox"),
    path("demo/inbox/<int:pk>/", message, name="demo_message"),
    path("demo/inbox/<int:pk>/html/", message_html, name="demo_message_html"),
    path("demo/inbox/<int:pk>/call.ics", message_calendar, name="demo_message_calendar"),
]
