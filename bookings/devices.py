"""What a browser calls itself, in a few plain words: Firefox on Android.

Browsers name their ancestors as well, so the first name below that fits is taken. What a browser
says of itself proves nothing; it helps people to recognise their own devices.
"""

from __future__ import annotations

import re

UNKNOWN = "An unknown browser"
LONGEST = 300
"""Characters that are read; what comes after them says nothing we look for."""

_BROWSERS = (
    ("Edge", "Edg(e|A|iOS)?/"),
    ("Opera", "OPR/|Opera"),
    ("Samsung Internet", "SamsungBrowser/"),
    ("Firefox", "Firefox/|FxiOS/"),
    ("Chrome", "Chrom(e|ium)/|CriOS/"),
    ("Safari", "Safari/"),
)
_SYSTEMS = (
    ("an iPhone", "iPhone"),
    ("an iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("a Mac", "Macintosh|Mac OS X"),
    ("ChromeOS", "CrOS"),
    ("Linux", "Linux"),
)


def in_words(user_agent: str) -> str:
    told = user_agent[:LONGEST]
    browser, system = _first(_BROWSERS, told) or UNKNOWN, _first(_SYSTEMS, told)
    return f"{browser} on {system}" if system else browser


def _first(names: tuple[tuple[str, str], ...], told: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, told)), "")
