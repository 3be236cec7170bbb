"""The HTML of the rows of a list, the heaviest thing this site shows.

`bookings/_row.html` is rendered once for each combination of parts a row can have. What comes out
is a pattern with names in single braces, and every row fills its own words in, escaped. That takes
a tenth of the time of rendering the template for each row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from operator import attrgetter
from typing import Any, TypeAlias

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString

from bookings.presenters.dialogs import Result
from bookings.presenters.row import AT_ONCE, BUTTONS, USUALLY_OVER, WITH_DEADLINE, Row, address

LateText: TypeAlias = "str | SimpleLazyObject[str]"
"""A text that is only made for a page with a form in a row."""
CODE = "{code}"
LOOKS = {"waiting": "call call--plain", "need_action": "call"}

_ONE_WORD = "code", "hue", "urgency", "iso", "when_iso"
"""Never empty, and without any sign that an attribute without quotes could not hold."""
_NEEDLESS_QUOTES = re.compile(rf'="((?:[^\s"\'=<>`{{}}]|{{(?:{"|".join(_ONE_WORD)})}})+)"(?!/)')
_NEEDLESS_END = re.compile(r"</p>(?=<(?:p|div|/div)\b)")

_OF_ANY = {
    **{name: name for name in ("code", "name", "first_name", "initials", "hue", "what")},
    **{name: name for name in ("when", "when_iso", "distance", "money", "said", "then", "wrong")},
    "gone_at": "gone_at",
}
_OF_CLOCK = {
    **_OF_ANY,
    **{name: f"countdown.{name}" for name in ("urgency", "ring", "iso", "text", "over", "until")},
}
_OF_STATE = {**_OF_ANY, "tone": "chip.tone", "label": "chip.label", "detail": "detail"}
"""What a row has for each name in braces."""
_clock_words, _state_words = attrgetter(*_OF_CLOCK.values()), attrgetter(*_OF_STATE.values())


def html(
    rows: Iterable[Row], *, source: str, csrf_token: LateText, notice: Result | None = None
) -> SafeString:
    """`source` is the list they stand in. A row that got a `notice` takes the focus."""
    if settings.DEBUG:
        _pattern.cache_clear()  # the template is being worked on
    around: dict[str, Any] = {"csrf_token": csrf_token, "notice": "", "notice_tone": ""}
    if notice is not None:
        around["notice"] = escape(notice.sentence)
        around["notice_tone"] = "bad" if notice.is_bad else "ok"
    return SafeString("\n".join(_row(row, source, around) for row in rows))


def _row(row: Row, source: str, around: dict[str, Any]) -> str:
    clock = row.countdown
    names, words = (_OF_CLOCK, _clock_words) if clock else (_OF_STATE, _state_words)
    pattern = _pattern(
        source,
        row.actions,
        row.is_selectable,
        bool(row.said),
        bool(row.then),
        bool(row.wrong),
        "" if clock is None else "paused" if clock.is_paused else clock.over,
        clock is not None and clock.is_over,
        bool(around["notice"]),
        row.is_settled,
    )
    filled = dict(zip(names, _escaped(words(row)), strict=True))
    return pattern.format_map(filled | around)


@cache
def _pattern(
    source: str,
    actions: tuple[str, ...],
    is_selectable: bool,
    has_said: bool,
    has_then: bool,
    has_wrong: bool,
    clock: str,
    is_over: bool,
    has_notice: bool,
    is_settled: bool,
) -> str:
    context: dict[str, Any] = {
        "source": source,
        "has_deadline": source in WITH_DEADLINE,
        "look": LOOKS.get(source, "call past") + (" call--settled" if is_settled else ""),
        "is_selectable": is_selectable,
        "has_said": has_said,
        "has_then": has_then,
        "has_wrong": has_wrong,
        "clock": clock,
        "tells_over": clock != USUALLY_OVER,
        "is_over": is_over,
        "has_notice": has_notice,
        "url": address("booking", CODE),
        "refresh_url": address("booking_row", CODE, source=source),
        "actions": [
            {
                "url": address(name, CODE, source=source),
                "label": BUTTONS[name][0],
                "is_post": name in AT_ONCE,
                "is_undo": name == "undo",
            }
            for name in actions
        ],
    }
    lines = render_to_string("bookings/_row.html", context).splitlines()
    return _light("".join(line.strip() for line in lines))


def _light(html: str) -> str:
    """The same page in fewer bytes: without the quotes and end tags that HTML can do without."""
    return _NEEDLESS_END.sub("", _NEEDLESS_QUOTES.sub(r"=\1", html))


def _escaped(texts: Sequence[str]) -> list[str]:
    """All of a row at once, unless somebody wrote what is put between them."""
    found = escape("\0".join(texts)).split("\0")
    return found if len(found) == len(texts) else [escape(text) for text in texts]
