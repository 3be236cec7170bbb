"""Text from people: one form of each letter, nothing invisible, nothing that acts.

Forms, imports, searches and e-mails all clean by these functions, so that what was written in one
place is found and shown alike in every other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MOST_MARKS = 30
"""Accents on one letter; Unicode's own bound (UAX 15). The time it takes to bring them into one
order grows with the square of their number."""
_JOINERS = "\u200c\u200d"
"""Some scripts and emoji need them; every other invisible sign goes."""
_DROPPED = {"Cc", "Cf", "Cs"}
_LINE_ENDS = str.maketrans(dict.fromkeys("\r\x85\u2028\u2029", "\n"))
_SPACES = dict.fromkeys(map(ord, "\t\v\f\x1c\x1d\x1e\x1f"), " ")
_FILLERS = dict.fromkeys([0x2800, 0x3164, 0xFFA0, 0xFFFC, 0x13441, 0x13442, 0x1D159], " ")
"""Letters and symbols by their category, and nothing on a screen."""
_UNSEEN = {*map(chr, _FILLERS), "\u115f", "\u1160"}
_UNSEEN_BLOCKS = ((0x2065, 0x2065), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))
"""Not assigned, and to be ignored when they are."""


def cleaned(text: str) -> str:
    """Composed (NFC), with plain line ends; control signs and those that turn the direction go."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").translate(_LINE_ENDS).translate(_SPACES)
    kept, marks = [], 0
    for sign in text:
        category = unicodedata.category(sign)
        if category in _DROPPED and sign != "\n" and sign not in _JOINERS:
            continue
        marks = marks + 1 if category[0] == "M" else 0
        if marks <= MOST_MARKS:
            kept.append(sign)
    return unicodedata.normalize("NFC", "".join(kept))


def one_line(text: str) -> str:
    """For names, titles, searches and headers; empty where nothing of it can be seen."""
    words = cleaned(text).translate(_FILLERS).split()
    return " ".join(words if text.isascii() else [word for word in words if not is_blank(word)])


def one_lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(one_line(text) for text in texts)


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing: blanks, joiners, fillers, and accents without a letter."""
    return not any(_is_seen(sign) for sign in text)


def _is_seen(sign: str) -> bool:
    category = unicodedata.category(sign)
    if category == "Cn":
        return not any(first <= ord(sign) <= last for first, last in _UNSEEN_BLOCKS)
    return category[0] not in "CMZ" and sign not in _UNSEEN


_TITLE = re.compile(
    r"(?<![^\W_])(?:(?:co|dipl|dr|fr|hr|ing|jr|mag|mr|mrs|ms|mx|prof|rev|sr|st|ste)\.(?=[^\W\d_])"
    r"|[^\W\d_]\.(?=[^\W\d_]{2}))",
    re.IGNORECASE,
)
"""Dr.Anna, J.Smith: a title or an initial that is written close to the name."""
_LINK = re.compile(
    r"""
      [\w-] \. [^\W\d_]{2}                # a domain: evil.example
    | \S @ \S                             # an e-mail address
    | [^\W\d_]{2,} : \S                   # https://…, mailto:…, tel:…
    | \\\\                                # \\server\folder
    | \d{1,3} (?: \. \d{1,3} ){3}         # 192.0.2.1
    | \+ (?: [\s()./-]* \d ){7}           # a telephone number, with its country
    | \d (?: [\s()./-]* \d ){8}           # or without
    """,
    re.VERBOSE,
)


def person_name(text: str) -> str:
    """One line, a blank behind titles and initials: mail programs take Dr.Li for a domain."""
    return _TITLE.sub(_with_blank, one_line(text))


def _with_blank(found: re.Match[str]) -> str:
    """An initial only before a capital letter: t.co is no name."""
    written = found[0]
    follows = found.string[found.end()]
    is_name = len(written) > 2 or (written.isupper() and follows.isupper())
    return f"{written} " if is_name else written


def has_link(text: str) -> bool:
    """Whether a mail program would make a link of a part of it, whatever letters it is written in.

    E-mails to others begin with names: anybody could have us send a link to a stranger.
    """
    plain = unicodedata.normalize("NFKD", cleaned(text)).replace("\u3002", ".")
    kept = "".join(sign for sign in plain if unicodedata.category(sign)[0] not in "MC")
    return _LINK.search(unicodedata.normalize("NFC", kept).casefold()) is not None
