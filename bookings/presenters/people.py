"""Names as the pages show them, and letters to people."""

from __future__ import annotations

from urllib.parse import quote

from bookings import addresses

AVATAR_HUES = 5


def initials(name: str) -> str:
    """PN for Priya Nair, P for Priya."""
    words = name.split()
    letters = words[:1] + words[1:][-1:]
    return "".join(word[0] for word in letters).upper()


def hue(person_id: int) -> str:
    """One of the muted avatar colours; the same person always has the same."""
    return str(person_id % AVATAR_HUES + 1)


def first_name(name: str) -> str:
    return name.split()[0] if name.split() else name


def mailto(person: str, subject: str) -> str:
    """The link that begins a letter. `person` is an address, with or without a name."""
    _, address = addresses.read_mailbox(person)
    return f"mailto:{quote(addresses.for_programs(address), safe='@')}?subject={quote(subject)}"
