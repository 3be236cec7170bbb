"""What an e-mail says, and how it becomes text and HTML. One pair of templates for all kinds."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.template.loader import render_to_string

from bookings.plain_text import cleaned, one_line

WIDTH = 72
BLANK_LINES, _ONE_BLANK_LINE = r"\n{3,}", "\n\n"


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


Sentence = tuple[str | Link, ...]
"""Words with links among them."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of one e-mail, as plain strings; the templates escape them."""

    subject: str
    preheader: str
    heading: str
    paragraphs: tuple[str, ...]
    why: str
    """why the reader gets it"""
    button: Link | None = None
    facts: tuple[tuple[str, str], ...] = ()
    policy: Sentence = ()
    """what happens next, and by when"""
    quote: str = ""
    quoted: str = ""
    """whose words the quote is"""
    is_private: bool = False
    """carries private links: says that it should not be forwarded"""
    can_reply: bool = True


@dataclass(frozen=True, slots=True)
class Rendered:
    """One e-mail, ready to be handed to a mail backend."""

    subject: str
    text: str
    html: str
    sender: str
    to: tuple[str, ...]
    reply_to: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    calendar: str = ""
    calendar_method: str = ""


def without_tricks(letter: Letter) -> Letter:
    """Names and titles are other people's words: no control characters, no turned direction."""
    button = letter.button
    return replace(
        letter,
        subject=one_line(letter.subject),
        preheader=one_line(letter.preheader),
        heading=one_line(letter.heading),
        paragraphs=tuple(one_line(text) for text in letter.paragraphs),
        facts=tuple((one_line(name), one_line(value)) for name, value in letter.facts),
        policy=tuple(_clean_piece(piece) for piece in letter.policy),
        button=Link(one_line(button.label), button.url) if button else None,
        quote=cleaned(letter.quote).strip(),
        quoted=one_line(letter.quoted),
        why=one_line(letter.why),
    )


def _clean_piece(piece: str | Link) -> str | Link:
    """Keeps the blanks at both ends: they stand between words and a link."""
    if isinstance(piece, Link):
        return Link(one_line(piece.label), piece.url)
    before, after = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
    return f"{before}{one_line(piece)}{after}"


def as_subject(letter: Letter) -> str:
    """One line that mail programs show whole enough."""
    subject = letter.subject
    return subject if len(subject) <= 150 else f"{subject[:149].rstrip()}…"


def as_text(letter: Letter, *, greeting: str) -> str:
    text = render_to_string(
        "emails/letter.txt",
        {
            **_context(letter),
            "paragraphs": _paragraphs(greeting, letter.paragraphs),
            "quote_lines": _wrapped(letter.quote, width=69),
            "fact_lines": _columns(letter.facts),
            "policy": _policy_text(letter.policy),
            "why": "\n".join(_wrapped(letter.why)),
        },
    )
    return f"{re.sub(BLANK_LINES, _ONE_BLANK_LINE, text).strip()}\n"


def as_html(letter: Letter, *, greeting: str) -> str:
    opening, *others = letter.paragraphs
    return render_to_string(
        "emails/letter.html",
        {
            **_context(letter),
            "paragraphs": [f"{greeting} {opening}", *others],
            "policy": [_piece(piece) for piece in letter.policy],
        },
    )


def _context(letter: Letter) -> dict[str, object]:
    button = letter.button
    return {
        "letter": letter,
        "site_name": settings.SITE_NAME,
        # Outlook draws the button itself and has to be told its width in pixels.
        "button_width": 56 + 9 * len(button.label) if button else 0,
    }


def _piece(piece: str | Link) -> dict[str, str]:
    if isinstance(piece, Link):
        return {"text": piece.label, "url": piece.url}
    return {"text": piece, "url": ""}


def _paragraphs(greeting: str, paragraphs: tuple[str, ...]) -> list[str]:
    return ["\n".join(_wrapped(text)) for text in (greeting, *paragraphs)]


def _wrapped(text: str, *, width: int = WIDTH) -> list[str]:
    """Lines of at most `width`; an address is never broken."""
    lines = [
        textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        for line in text.splitlines()
    ]
    return [line for group in lines for line in group]


def _columns(facts: tuple[tuple[str, str], ...]) -> list[str]:
    width = max((len(name) for name, _ in facts), default=0) + 3
    return [f"{f'{name}:'.ljust(width)}{value}" for name, value in facts]


def _policy_text(policy: Sentence) -> str:
    """An address stands on a line of its own: mail programs find it there."""
    parts: list[str] = []
    for piece in policy:
        if isinstance(piece, Link):
            parts[-1:] = ["\n".join(_wrapped(f"{parts[-1] if parts else ''}{piece.label}:"))]
            parts += [piece.url]
        elif words := piece.lstrip("., " if parts else ""):
            parts.append(words)
    return "\n".join(part if "://" in part else "\n".join(_wrapped(part)) for part in parts)
