"""From a case to an e-mail that can be sent: addresses, headers, text, HTML, calendar file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from bookings import addresses, calendar
from bookings.calendar import Party
from bookings.emails import headers
from bookings.emails import letter as letters
from bookings.emails.case import Case
from bookings.emails.kinds import Audience
from bookings.emails.letter import Rendered
from bookings.emails.promises import kind_named
from bookings.models import Booking, TimelineEvent, User
from bookings.plain_text import one_line


class Unsendable(Exception):
    """No retry will help: an address or a header that no mail server takes."""


def render(
    kind: str,
    booking: Booking | None,
    *,
    now: datetime,
    event: TimelineEvent | None = None,
    facts: dict[str, Any] | None = None,
) -> Rendered:
    """One e-mail from the present state. Unsendable when an address is not one."""
    known = kind_named(kind)
    return render_case(kind, Case(known.audience, booking, event, facts or {}, now))


def render_case(kind: str, case: Case) -> Rendered:
    known = kind_named(kind)
    recipients = _recipients(case)
    letter = letters.without_tricks(known.write(case))
    first_name = recipients[0].name.split()[:1]
    greeting = f"Hi {first_name[0]}," if first_name else "Hello,"
    method = known.calendar(case)
    return Rendered(
        subject=letters.as_subject(letter),
        text=letters.as_text(letter, greeting=greeting),
        html=letters.as_html(letter, greeting=greeting),
        sender=address(_sender(case)),
        to=tuple(address(party) for party in recipients),
        reply_to=tuple(_on_the_wire(email) for email in settings.STAFF_EMAIL[:1]),
        headers=_headers(case),
        calendar=_calendar_file(case, recipients[0], method) if method else "",
        calendar_method=method,
    )


def address(party: Party) -> str:
    """A name and an address as one header value; Unsendable when that is not one address."""
    return headers.mailbox(one_line(party.name), _on_the_wire(one_line(party.email)))


def _on_the_wire(email: str) -> str:
    try:
        return addresses.on_the_wire(email)
    except addresses.NotAnAddress as error:
        raise Unsendable(f"Not an e-mail address: {email[:100]!r}") from error


def _recipients(case: Case) -> list[Party]:
    if case.audience == Audience.FOLLOWER:
        return [Party(one_line(case.follower.name), case.follower.email)]
    if case.audience == Audience.STAFF:
        return [Party("", email) for email in staff_addresses()]
    if case.is_about_an_account:
        name = getattr(getattr(case.user, "expert", None), "name", "") or case.user.get_full_name()
        return [Party(one_line(name), case.facts.get("to") or case.user.email)]
    expert = case.support_request.expert if "support_request" in case.facts else case.expert
    return [Party(one_line(expert.name), expert.user.email)]


def staff_addresses() -> list[str]:
    """STAFF_EMAIL, else everybody who may sign in to the admin. Unsendable when nobody is there."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk")
    found = list(settings.STAFF_EMAIL) or list(staff.values_list("email", flat=True))
    if not found:
        raise Unsendable("There is nobody to write to: set STAFF_EMAIL.")
    return found


def _sender(case: Case) -> Party:
    """Followers know the expert's name, not ours. The address is always the site's own."""
    name, email = addresses.read_mailbox(settings.DEFAULT_FROM_EMAIL)
    if case.audience == Audience.FOLLOWER:
        return Party(f"{one_line(case.expert.name)} via {settings.SITE_NAME}", email)
    return Party(name or settings.SITE_NAME, email)


def _headers(case: Case) -> dict[str, str]:
    """One thread per booking and no answers from machines."""
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if case.booking_or_none is not None:
        thread = f"<{case.booking.code}@{calendar.site_host()}>"
        headers |= {"In-Reply-To": thread, "References": thread}
    return headers


def _calendar_file(case: Case, recipient: Party, method: calendar.Method) -> str:
    is_follower = case.audience == Audience.FOLLOWER
    other = case.expert.name if is_follower else case.follower.name
    return calendar.call_file(
        case.booking,
        method=method,
        summary=f"{case.title} with {other}",
        organizer=_sender(case),
        attendee=recipient,
        now=case.now,
    )
