"""The demo inbox: every e-mail is kept in the database and shown on a page, while no mail server is
configured.

`Backend` is what sends nothing; the pages exist only where nobody else can reach the site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from bookings import addresses, formats, printed_passwords, zones
from bookings.models import Clock, StoredMessage
from bookings.plain_text import one_line
from topmate.middleware import csp_override

KEPT_HEADERS = ("To", "Message-ID", "In-Reply-To", "References", "Reply-To", "Date")
SITE = "Site"
"""Where the links of a message lead; the demo may be started at another port the next day."""


class Backend(BaseEmailBackend):
    """For `EMAIL_BACKEND` where no mail server is configured."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """One row per recipient. The whole message is built first, so that a bad header fails
        here exactly as it would with a mail server."""
        stored = [row for message in email_messages for row in _rows(message)]
        StoredMessage.objects.bulk_create(stored)
        return len(email_messages)


class NoMailServer(BaseEmailBackend):
    """Where neither a mail server nor the demo is there: nothing counts as sent."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise ConnectionError("No e-mail is sent: EMAIL_URL is not set, and DEMO is off.")


def _rows(message: EmailMessage) -> list[StoredMessage]:
    built = message.message()
    parts = {part.get_content_type(): part for part in built.walk() if not part.is_multipart()}
    return [
        StoredMessage(
            to=addresses.kept(address)[:300],
            sender=_decoded(str(built["From"]))[:300],
            subject=str(message.subject)[:300],
            text=_content(parts.get("text/plain")),
            html=_content(parts.get("text/html")),
            calendar=_content(parts.get("text/calendar")),
            headers={name: _decoded(str(built[name])) for name in KEPT_HEADERS if built[name]}
            | {SITE: settings.SITE_URL},
        )
        for _, address in getaddresses(message.recipients())
    ]


def _decoded(header: str) -> str:
    """As a mail program shows it: =?utf-8?… is for the wire."""
    return str(make_header(decode_header(header)))


def _content(part: Message | None) -> str:
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    # From Django 6 on a text that does not end its last line has that done for it.
    return text if text.endswith("\r\n") else text.removesuffix("\n")


# --- the pages ------------------------------------------------------------------------------------

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
    """These pages show private links and links for a new password to whoever opens them. So they
    exist only where the demo's invented people are, and where nobody else can reach the site."""

    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not printed_passwords.of_this_site():
            raise Http404("There is no demo inbox here.")
        return view(request, **kwargs)

    return require_safe(wrapped)


@only_in_the_demo
def inbox(request: HttpRequest) -> HttpResponse:
    to = addresses.kept(one_line(request.GET.get("to", "")[:300]))
    messages = StoredMessage.objects.filter(to=to) if to else StoredMessage.objects.all()
    newest_id = messages.aggregate(newest=Max("pk"))["newest"] or 0
    is_poll = bool(getattr(request, "htmx", False))
    if is_poll and request.GET.get("seen") == str(newest_id):
        return HttpResponse(status=204)  # nothing new: the list and the focus stay as they are
    before = _number(request.GET.get("before", ""))
    found = _newest(messages, before)
    zone = _zone(request)
    context = {
        "rows": [_row(message, zone) for message in found[:PER_PAGE]],
        "older_than": found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        "recipients": _recipients(),
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
    html = _with_links_to_here(stored, stored.html)
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


def _newest(messages: QuerySet[StoredMessage], before: int | None) -> list[StoredMessage]:
    """One more than a page shows, without their bodies in HTML; `before` is the id of one."""
    found = messages.defer("html", "calendar").annotate(
        has_calendar=~Q(calendar=""), has_html=~Q(html="")
    )
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[: PER_PAGE + 1])


def _recipients() -> list[tuple[str, int]]:
    """Addresses with their number of messages, the one written to last first."""
    found = StoredMessage.objects.values("to").annotate(count=Count("pk"), last=Max("pk"))
    return [(row["to"], row["count"]) for row in found.order_by("-last")[:SHOWN_RECIPIENTS]]


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


def _with_links_to_here(stored: StoredMessage, content: str) -> str:
    """A text of the message with its links to the address the site has now."""
    then = stored.headers.get(SITE, settings.SITE_URL)
    return content.replace(f"{then}/", f"{settings.SITE_URL}/")


def _text(stored: StoredMessage) -> SafeString:
    """The plain text with our own addresses as links; an address of anybody else stays text."""
    ours = re.escape(escape(settings.SITE_URL))
    text = escape(_with_links_to_here(stored, stored.text))
    return mark_safe(  # escaped before, and the link is made of escaped text
        re.sub(rf"{ours}/[\w./#~%-]*", r'<a href="\g<0>">\g<0></a>', text)
    )


urlpatterns: list[URLPattern] = [
    path("demo/inbox/", inbox, name="demo_inbox"),
    path("demo/inbox/<int:pk>/", message, name="demo_message"),
    path("demo/inbox/<int:pk>/html/", message_html, name="demo_message_html"),
    path("demo/inbox/<int:pk>/call.ics", message_calendar, name="demo_message_calendar"),
]
