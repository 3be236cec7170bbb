"""From SITE_URL, DEFAULT_FROM_EMAIL and STAFF_EMAIL to addresses that mail can carry."""

from __future__ import annotations

from urllib.parse import SplitResult

from bookings import addresses
from bookings.plain_text import one_line
from topmate.env import Env


def site(env: Env, parts: SplitResult) -> SplitResult:
    """SITE_URL with its host in the letters that browsers send and headers hold."""
    host = parts.hostname or ""
    try:
        wire = addresses.domain_on_the_wire(host)
    except addresses.NotAnAddress:
        env.problem(f"SITE_URL names the host {host}; write it in its usual letters.")
        return parts
    port = f":{parts.port}" if parts.port else ""
    return parts if wire == host else parts._replace(netloc=f"{wire}{port}")


def sender(env: Env, *, site_host: str) -> str:
    """Of all e-mails, as `Name <address>`; the domain in the letters of the wire."""
    given = env.text("DEFAULT_FROM_EMAIL", _default_sender(site_host))
    try:
        name, address = addresses.read_mailbox(given)
    except addresses.NotAnAddress:
        env.problem(
            f"DEFAULT_FROM_EMAIL={given!r} is not an e-mail address; "
            "write calls@example.org or Calls, Ltd <calls@example.org>."
        )
        return _default_sender("")
    return addresses.mailbox(one_line(name), addresses.on_the_wire(address))


def _default_sender(site_host: str) -> str:
    """A number, or a name without a dot, is a host to a browser and no domain to a mail server."""
    try:
        return addresses.read(f"bookings@{site_host}")
    except addresses.NotAnAddress:
        return "bookings@localhost"


def staff(env: Env) -> list[str]:
    """The addresses alone; a name beside one is of no use to us."""
    given = env.text("STAFF_EMAIL")
    try:
        return [address for _, address in addresses.read_mailboxes(given)]
    except addresses.NotAnAddress:
        env.problem(
            f"STAFF_EMAIL={given!r} is not a list of e-mail addresses; "
            "write ops@example.org, boss@example.org."
        )
        return []
