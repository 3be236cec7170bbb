"""The HTML of the rows of a list. Twenty-five of them are the heaviest thing this site shows, and
a template takes several times as long for them. `filled` escapes what comes into the braces.

A link in `call__act` opens its page, and with scripts the dialog slot, which `_groups.html` names.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString

from bookings.presenters.buttons import Button
from bookings.presenters.countdown import Countdown
from bookings.presenters.results import Result
from bookings.presenters.rows import WITH_DEADLINE, Row

Around = dict[str, str]
"""What surrounds a row that was acted on."""

_FOCUSED = SafeString(' tabindex="-1" data-focus')

_WITH_DEADLINE = (
    '<li id="call-{code}"{again}>{notice}'
    '<article class="call{plain}" aria-labelledby="n-{code}" data-call{focus}>\n'
    '{check}<span class="avatar" data-hue="{hue}" aria-hidden="true">{initials}</span>\n'
    '<div class="call__main"><div class="call__id">'
    '<h3 class="call__name" id="n-{code}"><a href="{url}">{name}</a></h3>'
    '<p class="call__meta">{what}<span class="sep"> · </span>'
    '<time datetime="{when_iso}">{when}</time></p></div>{said}</div>\n'
    "{clock}\n"
    '<p class="call__money"><span class="vh">Paid </span>{money}</p>'
    '<div class="call__act">{act}</div></article></li>\n'
)
_PAST = (
    '<li id="call-{code}">{notice}'
    '<article class="call past" aria-labelledby="n-{code}" data-call{focus}>'
    '<span class="avatar" data-hue="{hue}" aria-hidden="true">{initials}</span>\n'
    '<div class="call__main"><div class="call__id">'
    '<h3 class="call__name" id="n-{code}"><a href="{url}">{name}</a></h3>'
    '<p class="call__meta">{what}</p></div></div>\n'
    '<p class="call__when two small"><time class="nowrap" datetime="{when_iso}">{when}</time>'
    '<span class="faint">{distance}</span></p>\n'
    '{state}\n<p class="call__money"><span class="vh">Paid </span>{money}</p>'
    '<div class="call__act">{act}</div></article></li>\n'
)
_STATE = (
    '<p class="call__state two small"><span class="chip chip--{}">{}</span>'
    '<span class="faint">{}</span></p>'
)
_NOTICE = '<p class="notice notice--{}"><span>{}</span></p>'
_SAID = '<p class="call__said"><span class="vh">{} says: </span>{}</p>'
_THEN = '<p class="call__said">{}</p>'
_AGAIN = ' hx-get="{}" hx-trigger="every 30s" hx-target="this" hx-swap="outerHTML"'
_CHECK = (
    '<input class="check" type="checkbox" name="call" value="{}" form="bulk"'
    ' aria-label="Select {}">'
)
_NO_CHECK = SafeString('<span class="check-space"></span>')
_CLOCK = (
    '<div class="deadline" data-urgency="{}"><span class="deadline__left">'
    '<svg class="ring" viewBox="0 0 18 18" aria-hidden="true"><circle cx="9" cy="9" r="7"/>'
    '<circle cx="9" cy="9" r="7" pathLength="100" stroke-dasharray="{} 100"/></svg>'
    '<span>{}</span></span><span class="deadline__at">{}</span></div>'
)
_LEFT = (
    '<span class="vh">Time to decide: </span><time datetime="{}" data-countdown="left"'
    ' data-over="{}" data-refresh="{}">{}</time>'
)
_LINK = '<a class="btn" href="{url}" hx-get="{url}" aria-describedby="n-{code}"{key}>{label}</a>'
_KEY = ' data-key="{}"'
_POST = (
    '<form method="post" action="{url}" hx-post="{url}" hx-target="#call-{code}"'
    ' hx-swap="outerHTML" hx-disabled-elt="find button"{gone}>'
    '<input type="hidden" name="csrfmiddlewaretoken" value="{token}">'
    '<button class="btn" type="submit" aria-describedby="n-{code}">{label}</button></form>'
)
_GONE = ' data-gone-at="{}"'


def filled(pattern: str, *values: str, **named: str) -> SafeString:
    """`format_html` for strings only, which makes it four times as fast."""
    named = {name: _escaped(value) for name, value in named.items()}
    return SafeString(pattern.format(*map(_escaped, values), **named))


def _escaped(text: str) -> str:
    return text if type(text) is SafeString else escape(text)


def html(
    rows: Iterable[Row], *, source: str, csrf_token: str, notice: Result | None = None
) -> SafeString:
    """`source` is the list they stand in. A row that got a `notice` takes the focus."""
    row = _row_with_deadline if source in WITH_DEADLINE else _past_row
    around = {
        "notice": filled(_NOTICE, *_tone(notice)) if notice else "",
        "focus": _FOCUSED if notice else "",
    }
    return _joined(row(one, source, csrf_token, around) for one in rows)


def _past_row(row: Row, source: str, csrf_token: str, around: Around) -> SafeString:
    return filled(
        _PAST,
        code=row.code,
        url=row.url,
        name=row.name,
        hue=row.hue,
        initials=row.initials,
        what=row.what,
        when=row.when,
        when_iso=row.when_iso,
        distance=row.distance,
        state=_state(row),
        money=row.money,
        act=_act(row, csrf_token),
        **around,
    )


def _row_with_deadline(row: Row, source: str, csrf_token: str, around: Around) -> SafeString:
    is_over = row.countdown is not None and row.countdown.is_over
    return filled(
        _WITH_DEADLINE,
        code=row.code,
        again=filled(_AGAIN, row.refresh_url) if is_over else "",
        plain=" call--plain" if source == "waiting" else "",
        check=_check(row) if source == "need_action" else "",
        hue=row.hue,
        initials=row.initials,
        url=row.url,
        name=row.name,
        what=row.what,
        when=row.when,
        when_iso=row.when_iso,
        said=_said(row),
        clock=_clock(row.countdown, row.refresh_url) if row.countdown else _state(row),
        money=row.money,
        act=_act(row, csrf_token),
        **around,
    )


def _tone(notice: Result) -> tuple[str, str]:
    return "bad" if notice.is_bad else "ok", notice.sentence


def _state(row: Row) -> SafeString:
    return filled(_STATE, row.chip.tone, row.chip.label, row.detail)


def _check(row: Row) -> SafeString:
    return filled(_CHECK, row.code, row.name) if row.is_selectable else _NO_CHECK


def _said(row: Row) -> SafeString:
    said = filled(_SAID, row.first_name, row.said) if row.said else ""
    then = filled(_THEN, row.then) if row.then else ""
    return _joined([said, then])


def _clock(clock: Countdown, refresh_url: str) -> SafeString:
    text: str = clock.text
    if not clock.is_paused:
        text = filled(_LEFT, clock.iso, clock.over, refresh_url, clock.text)
    return filled(_CLOCK, clock.urgency, clock.ring, text, clock.until)


def _act(row: Row, csrf_token: str) -> SafeString:
    return _joined(
        _post(button, row.code, csrf_token) if button.is_post else _link(button, row.code)
        for button in row.buttons
    )


def _link(button: Button, code: str) -> SafeString:
    key = filled(_KEY, button.key) if button.key else ""
    return filled(_LINK, url=button.url, code=code, key=key, label=button.label)


def _post(button: Button, code: str, csrf_token: str) -> SafeString:
    return filled(
        _POST,
        url=button.url,
        code=code,
        token=csrf_token,
        label=button.label,
        gone=filled(_GONE, button.gone_at) if button.gone_at else "",
    )


def _joined(parts: Iterable[str]) -> SafeString:
    """Of parts that are HTML already."""
    return SafeString("".join(parts))
