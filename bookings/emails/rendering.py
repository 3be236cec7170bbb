"""From a case to an e-mail that can be sent: the words as text and as HTML, the addresses, the
headers and the calendar file. One pair of templates serves all kinds."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace

from django.conf import settings
from django.template.loader import render_to_string

from bookings import addresses, calendar
from bookings.calendar import Party
from bookings.emails.letter import Letter, Link, MailCase, Sentence
from bookings.emails.mailing import Rendered, Unsendable, mailbox
from bookings.emails.registry import EXPERT, FOLLOWER, KINDS, STAFF
from bookings.models import User
from bookings.plain_text import cleaned, one_line, one_lines


def render(kind: str, case: MailCase) -> Rendered:
    """From the present state. Unsendable when an address is not one."""
    known = KINDS[kind]
    recipients = _recipients(case)
    letter = _completed(known.write(case), case)
    first_name = one_line(recipients[0].name).split()[:1]
    greeting = f"Hi {first_name[0]}," if first_name else "Hello,"
    method = known.calendar
    if method == "CANCEL" and not case.datum("was_future"):
        method = ""  # the call was held, or its time is over: it stays in the calendar
    return Rendered(
        subject=letter.subject,
        text=as_text(letter, greeting=greeting),
        html=as_html(letter, greeting=greeting),
        sender=address(_sender(case)),
        to=tuple(address(party) for party in recipients),
        reply_to=tuple(address(Party("", email)) for email in settings.STAFF_EMAIL[:1]),
        headers=_headers(case),
        calendar=_calendar_file(case, recipients[0], method) if method else "",
        calendar_method=method,
    )


# --- the letter -----------------------------------------------------------------------------------


def _completed(letter: Letter, case: MailCase) -> Letter:
    """With what is the same in all e-mails to an audience, and without tricks: names and titles are
    other people's words, so no control characters and no turned direction."""
    booking, audience = case.booking_or_none, case.audience
    button, facts = letter.button, letter.facts or ()
    if booking is not None:
        button = button or case.booking_link
        facts = case.call_facts if letter.facts is None else letter.facts
    if audience == STAFF:
        usual = f"you look after {case.site_name}"
    elif audience == EXPERT:
        usual = f"booking {booking.code} is yours" if booking else ""
    else:
        usual = f"you booked this call with {case.expert.name} ({case.booking.code})"
    subject, preheader, heading, quoted, why, *paragraphs = one_lines(
        (
            letter.subject,
            letter.preheader,
            letter.heading or letter.subject,
            letter.quoted,
            f"You get this e-mail because {letter.why or usual}.",
            *letter.paragraphs,
        )
    )
    words = one_lines([word for fact in facts for word in fact])
    return replace(
        letter,
        subject=subject if len(subject) <= 150 else f"{subject[:149].rstrip()}…",
        preheader=preheader,
        heading=heading,
        paragraphs=tuple(paragraphs),
        facts=tuple(zip(words[::2], words[1::2], strict=True)),
        closing=tuple(_clean_piece(piece) for piece in letter.closing),
        button=Link(one_line(button.label), button.url) if button else None,
        quote=cleaned(letter.quote).strip(),
        quoted=quoted,
        why=why,
        is_private=letter.is_private or audience == FOLLOWER,
        can_reply=audience != STAFF,
    )


def _clean_piece(piece: str | Link) -> str | Link:
    """Keeps the blanks at both ends: they stand between words and a link."""
    if isinstance(piece, Link):
        return Link(one_line(piece.label), piece.url)
    before, after = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
    return f"{before}{one_line(piece)}{after}"


# --- text and HTML --------------------------------------------------------------------------------


def as_text(letter: Letter, *, greeting: str) -> str:
    facts = letter.facts or ()
    widths = [len(name) for name, _ in facts if len(name) <= LONGEST_NAME]
    width = max(widths, default=0) + 3
    text = render_to_string(
        "emails/letter.txt",
        {
            "letter": letter,
            "paragraphs": [_wrapped(text) for text in (greeting, *letter.paragraphs)],
            "quote_lines": _wrapped(letter.quote, width=69).splitlines(),
            "fact_lines": [_fact_line(name, value, width) for name, value in facts],
            "closing": _closing_text(letter.closing),
            "why": _wrapped(letter.why),
        },
    )
    one_blank_line = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"{one_blank_line}\n"


LONGEST_NAME = 24
"""Of a fact whose value stands in the column of the others; a question may be longer."""


def _fact_line(name: str, value: str, width: int) -> str:
    return f"{f'{name}:'.ljust(width - 1)} {value}"


def as_html(letter: Letter, *, greeting: str) -> str:
    button = letter.button
    return render_to_string(
        "emails/letter.html",
        {
            "letter": letter,
            "paragraphs": (greeting, *letter.paragraphs),
            "site_name": settings.SITE_NAME,
            # Outlook draws the button itself and has to be told its width in pixels.
            "button_width": 56 + 9 * len(button.label) if button else 0,
        },
    )


def _wrapped(text: str, *, width: int = 72) -> str:
    """Lines of at most `width`; an address is never broken."""
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def _closing_text(closing: Sentence) -> str:
    """An address stands on a line of its own: mail programs find it there."""
    parts: list[str] = []
    for piece in closing:
        if isinstance(piece, Link):
            parts[-1:] = [_wrapped(f"{parts[-1] if parts else ''}{piece.label}:"), piece.url]
        elif words := piece.lstrip("., " if parts else ""):
            parts.append(words)
    return "\n".join(part if "://" in part else _wrapped(part) for part in parts)


# --- addresses and headers ------------------------------------------------------------------------


def address(party: Party) -> str:
    """A name and an address as one header value; Unsendable when that is not one address."""
    name, email = one_lines((party.name, party.email))
    try:
        return mailbox(name, addresses.on_the_wire(email))
    except addresses.NotAnAddress as error:
        raise Unsendable(f"Not an e-mail address: {email[:100]!r}") from error


def _recipients(case: MailCase) -> list[Party]:
    audience = case.audience
    if audience == FOLLOWER:
        return [Party(case.follower.name, case.follower.email)]
    if audience == STAFF:
        return [Party("", email) for email in staff_addresses()]
    if "user" in case.facts or "email" in case.facts:
        name = getattr(getattr(case.user, "expert", None), "name", "") or case.user.get_full_name()
        return [Party(name, case.facts.get("to") or case.user.email)]
    if "invitation" in case.facts:
        return [Party(case.invitation.name, case.invitation.email)]
    expert = case.support_request.expert if "support_request" in case.facts else case.expert
    return [Party(expert.name, expert.user.email)]


def staff_addresses() -> list[str]:
    """STAFF_EMAIL, else everybody who may sign in to the admin. Unsendable when nobody is there."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk")
    found = list(settings.STAFF_EMAIL) or list(staff.values_list("email", flat=True))
    if not found:
        raise Unsendable("There is nobody to write to: set STAFF_EMAIL.")
    return found


def _sender(case: MailCase) -> Party:
    """Followers know the expert's name, not ours. The address is always the site's own."""
    name, email = addresses.read_mailbox(settings.DEFAULT_FROM_EMAIL)
    if case.audience == FOLLOWER:
        return Party(f"{case.expert.name} via {settings.SITE_NAME}", email)
    return Party(name or settings.SITE_NAME, email)


def _headers(case: MailCase) -> dict[str, str]:
    """One thread per booking and no answers from machines."""
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if case.booking_or_none is not None:
        thread = f"<{calendar.uid(case.booking)}>"
        headers |= {"In-Reply-To": thread, "References": thread}
    return headers


def _calendar_file(case: MailCase, recipient: Party, method: calendar.Method) -> str:
    other = case.expert.name if case.audience == FOLLOWER else case.follower.name
    return calendar.call_file(
        case.booking,
        method=method,
        summary=f"{case.title} with {other}",
        organizer=_sender(case),
        attendee=recipient,
        now=case.now,
    )
