"""Money, time and names as people read them. Pure; pages and e-mails both use these."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision

from bookings import zones
from bookings.models.people import Clock

NUMBER_LOCALES = {"INR": "en_IN", "PKR": "en_IN", "BDT": "en_IN", "NPR": "en_IN", "LKR": "en_IN"}
"""Where digits are grouped 1,00,000 or the sign differs; everything else reads as `en`."""


@lru_cache(maxsize=1024)
def money(minor: int, currency: str) -> str:
    """₹2,400 or €59.50: whole amounts without decimals. `minor` is in the currency's minor units.

    A currency without minor units (JPY) takes them as whole ones, one with three (KWD) as 1/1000.
    """
    precision: int = get_currency_precision(currency)
    whole, rest = divmod(abs(minor), 10**precision)
    digits = f"{whole}.{rest:0{precision}d}" if rest else str(whole)
    pattern = "¤#,##,##0" if currency in NUMBER_LOCALES else "¤#,##0"
    if rest:
        pattern = f"{pattern}.{'0' * precision}"
    locale = NUMBER_LOCALES.get(currency, "en")
    text: str = format_currency(
        digits, currency, format=pattern, locale=locale, currency_digits=False
    )
    text = text.replace(currency, f"{currency}\N{NO-BREAK SPACE}")
    return f"-{text}" if minor < 0 else text


def tax_in(amount_minor: int, percent: Decimal) -> int:
    """The tax that an amount contains, in minor units; half a unit goes to the even one."""
    return int((amount_minor * percent / (100 + percent)).to_integral_value())


def typed_money(minor: int, currency: str) -> str:
    """59.50: an amount as it is typed into a form, with all the decimals of its currency."""
    precision: int = get_currency_precision(currency)
    whole, rest = divmod(minor, 10**precision)
    return f"{whole}.{rest:0{precision}d}" if precision else str(whole)


LARGEST_AMOUNT = 999_999_999_999
"""Minor units. Providers take no more in any currency."""


def read_money(text: str, currency: str) -> int | None:
    """What somebody typed, in minor units: 59.5, 59,50 or 1,234.00. None where it is no amount.

    In a currency with three decimals only a full stop begins them, and 1,200 is refused: it may be
    either.
    """
    precision: int = get_currency_precision(currency)
    found = _typed(precision).fullmatch(text.strip())
    if found is None:
        return None
    if precision == 3 and found["decimals"] is None and not found["whole"].isdecimal():
        return None
    decimals = (found["decimals"] or "").ljust(precision, "0")
    minor = int(re.sub(r"\D", "", found["whole"]) + decimals)
    return minor if minor <= LARGEST_AMOUNT else None


@lru_cache
def _typed(precision: int) -> re.Pattern[str]:
    """Digits alone, in groups of three, or as in 1,20,000; then the decimals."""
    mark = "[.]" if precision == 3 else "[.,]"
    decimals = rf"(?: (?!(?P=group)) {mark} (?P<decimals>\d{{1,{precision}}}) )?"
    return re.compile(
        r"""(?P<whole> \d+
            | [1-9]\d{0,2} (?P<group>[,.'\u2019\ \u00a0\u2009\u202f]) \d{3} (?:(?P=group)\d{3})*
            | [1-9]\d? (?:,\d\d)+ ,\d{3} )"""
        + (decimals if precision else "(?P<decimals>)"),
        re.ASCII | re.VERBOSE,
    )


def price(minor: int, currency: str) -> str:
    """₹2,400, or Free."""
    return money(minor, currency) if minor else "Free"


def local(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(zones.zone_info(zone))


def day(instant: datetime, zone: str, now: datetime | None = None) -> str:
    """Thu 20 Nov; with the year when it is not the one of `now`."""
    at = local(instant, zone)
    return _date(at, WEEKDAYS[at.weekday()][:3], MONTHS[at.month - 1][:3], zone=zone, now=now)


def long_day(instant: datetime, zone: str, now: datetime | None = None) -> str:
    """Thursday 20 November."""
    at = local(instant, zone)
    return _date(at, WEEKDAYS[at.weekday()], MONTHS[at.month - 1], zone=zone, now=now)


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
"""In English whatever the server's locale, and four times as fast as asking it."""


def _date(at: datetime, weekday: str, month: str, *, zone: str, now: datetime | None) -> str:
    text = f"{weekday} {at.day} {month}"
    if now is not None and local(now, zone).year != at.year:
        return f"{text} {at.year}"
    return text


def time_of_day(instant: datetime, zone: str, clock: str) -> str:
    """6:00 pm or 18:00; 1:30 am EDT where the clocks show that time twice."""
    at = local(instant, zone)
    return _on_clock(at, clock) + _which_of_two(at)


def hours(starts: time, ends: time, clock: str) -> str:
    """9:00 am – 5:30 pm or 09:00–17:30, of wall times."""
    dash = " – " if clock == Clock.TWELVE else "–"
    return f"{_on_clock(starts, clock)}{dash}{_on_clock(ends, clock)}"


def _on_clock(at: datetime | time, clock: str) -> str:
    if clock == Clock.TWELVE:
        return f"{at.hour % 12 or 12}:{at.minute:02d} {'am' if at.hour < 12 else 'pm'}"
    return f"{at.hour:02d}:{at.minute:02d}"


def _which_of_two(at: datetime) -> str:
    """Empty, unless the clocks go back and show this time a second time: then which one it is."""
    other = at.replace(fold=1 - at.fold)
    if other.utcoffset() == at.utcoffset():
        return ""
    letters = _abbreviation(at)
    return f" {letters if letters != _abbreviation(other) else _offset(at)}"


def moment(instant: datetime, zone: str, clock: str, now: datetime | None = None) -> str:
    """Thu 20 Nov, 6:00 pm."""
    return f"{day(instant, zone, now)}, {time_of_day(instant, zone, clock)}"


def span(
    starts_at: datetime, ends_at: datetime, zone: str, clock: str, now: datetime | None = None
) -> str:
    """Thu 20 Nov, 6:00 pm to 6:30 pm; with the day of the end when that is another one."""
    is_one_day = local(starts_at, zone).date() == local(ends_at, zone).date()
    end = time_of_day(ends_at, zone, clock) if is_one_day else moment(ends_at, zone, clock, now)
    return f"{moment(starts_at, zone, clock, now)} to {end}"


def zone_place(zone: str) -> str:
    """Kolkata for Asia/Kolkata."""
    return zones.known(zone).rsplit("/", 1)[-1].replace("_", " ")


def zone_abbreviation(instant: datetime, zone: str) -> str:
    """IST or CET; UTC+10:30 where a zone has no letters."""
    return _abbreviation(local(instant, zone))


def _abbreviation(at: datetime) -> str:
    name = at.strftime("%Z")
    return name if name.isalpha() else _offset(at)


def _offset(at: datetime) -> str:
    """UTC+10:30."""
    offset = at.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"


def left(remaining: timedelta) -> str:
    """2 d 9 h over 48 hours, 18 h 4 min down to one hour, then 42 min. `clock.js` says the same."""
    minutes = max(0, int(remaining.total_seconds() // 60))
    hours, minutes_rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
    if hours >= 24:
        return f"1 d {hours - 24} h" if hours > 24 else "1 d"
    if hours:
        return f"{hours} h {minutes_rest} min" if minutes_rest else f"{hours} h"
    return f"{minutes} min" if minutes else UNDER_A_MINUTE


UNDER_A_MINUTE = "less than a minute"


def utc_iso(instant: datetime | None) -> str:
    """2026-11-23T05:30:00Z, as attributes and calendar files want it; empty for no instant."""
    if instant is None:
        return ""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='seconds')[:19]}Z"


def duration(length: timedelta, *, days_from: int = 4) -> str:
    """A limit in a sentence: 72 hours, 14 days, 90 seconds; whole days from `days_from` on."""
    seconds = int(length.total_seconds())
    units = ((86400, "day", days_from), (3600, "hour", 1), (60, "minute", 1), (1, "second", 0))
    amount, unit = next(
        (seconds // size, unit)
        for size, unit, least in units
        if seconds % size == 0 and seconds >= least * size
    )
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def duration_adjective(length: timedelta) -> str:
    """72-hour, as in the 72-hour clock."""
    return duration(length).removesuffix("s").replace(" ", "-")


# --- names ----------------------------------------------------------------------------------------


def initials(name: str) -> str:
    """PN for Priya Nair, P for Priya."""
    words = name.split()
    letters = words[:1] + words[1:][-1:]
    return "".join(word[0] for word in letters).upper()


AVATAR_HUES = 5


def hue(person_id: int) -> str:
    """One of the muted avatar colours; the same person always has the same."""
    return str(person_id % AVATAR_HUES + 1)
