"""E-mail addresses, read by the same rules in forms, imports, settings and mails.

A domain may be written in any alphabet. It is shown as it was typed and mailed to in the letters
of the wire (punycode). Before the @ only ASCII is read: other letters look like these and name
another mailbox, or none that a mail server knows.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, validate_email

LONGEST = 254
ONLY_ASCII = "Only the letters a to z, digits and signs such as . _ - + can stand before the @."
_AT_THE_ENDS = "".join(
    map(chr, (0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF))
)
"""Invisible signs that come along when an address is copied."""
_DOTS = "\u3002\uff61"
"""Full stops of the Far East, which some programs take for those of a domain."""
_domain = EmailValidator.domain_regex
_mailbox = re.compile(r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+)*")


class NotAnAddress(ValueError):
    """`sentence` says what is wrong where there is more to say than that it is none."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence or "It is not an e-mail address.")
        self.sentence = sentence


def read(text: str) -> str:
    """The address in `text`, as it was typed; a domain in punycode in its own letters again.

    Browsers send punycode for what somebody typed in letters.
    """
    text = text.strip().strip(_AT_THE_ENDS).strip()
    mailbox, at, domain = text.rpartition("@")
    if not at or len(text) > LONGEST:
        raise NotAnAddress
    if not mailbox.isascii():
        raise NotAnAddress(ONLY_ASCII)
    wire = domain_on_the_wire(domain)
    if not _mailbox.fullmatch(mailbox) or len(mailbox) + 1 + len(wire) > LONGEST:
        raise NotAnAddress
    if wire != "localhost" and not _domain.match(wire):
        raise NotAnAddress
    return f"{mailbox}@{_in_letters(domain)}"


def domain_on_the_wire(domain: str) -> str:
    """In the ASCII letters that mail servers know; NotAnAddress when there are none."""
    if domain.isascii():
        return domain
    if any(_names_another(sign) for sign in domain):
        raise NotAnAddress
    try:
        return idna.encode(_composed(domain).lower()).decode()
    except UnicodeError as error:
        raise NotAnAddress from error


def _names_another(sign: str) -> bool:
    """A sign that some programs take for an ASCII one, such as a wide letter, and others do not."""
    if sign.isascii():
        return False
    is_alike = unicodedata.normalize("NFKC", sign).isascii() or len(sign.lower()) > 1
    return is_alike or sign in _DOTS


def _composed(domain: str) -> str:
    return unicodedata.normalize("NFC", domain)


def _in_letters(domain: str) -> str:
    if "xn--" not in domain.lower():
        return _composed(domain)
    try:
        return idna.decode(domain.lower())
    except UnicodeError:
        return domain


def on_the_wire(address: str) -> str:
    """As it stands in an envelope and in a header; NotAnAddress when no mail can go there."""
    mailbox, _, domain = address.rpartition("@")
    found = f"{mailbox}@{domain_on_the_wire(domain)}"
    try:
        validate_email(found)
    except ValidationError as error:
        raise NotAnAddress from error
    if not found.isascii():
        raise NotAnAddress
    return found


def for_programs(address: str) -> str:
    """The same for a link or a file, where an old row that no mail reaches must not be an error."""
    try:
        return on_the_wire(address)
    except NotAnAddress:
        return address


def kept(address: str) -> str:
    """For a row: an international domain in small letters, because a database that lowers ASCII
    only would take two spellings for two people."""
    mailbox, at, domain = address.rpartition("@")
    domain = _in_letters(domain)
    return f"{mailbox}{at}{domain if domain.isascii() else domain.lower()}"


def identity(address: str) -> str:
    """The same for every spelling of one mailbox."""
    return kept(address).lower()


def spellings(address: str) -> set[str]:
    """How rows may have it, in small letters."""
    found = {address.lower(), identity(address)}
    try:
        return {*found, on_the_wire(address).lower()}
    except NotAnAddress:
        return found


# --- with a name, and several, as settings have them ---------------------------------------------


def read_mailbox(text: str) -> tuple[str, str]:
    """(name, address) of `calls@example.org` or `Calls, Ltd <calls@example.org>`."""
    text = _without_quotes(text)
    if not text.endswith(">"):
        return "", read(text)
    name, _, address = text[:-1].rpartition("<")
    name = name.strip()
    is_quoted = len(name) > 1 and name[0] == name[-1] == '"'
    if is_quoted:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    elif any(sign in name for sign in "<>@"):
        raise NotAnAddress  # two of them, with nothing in between
    return name, read(address)


def read_mailboxes(text: str) -> list[tuple[str, str]]:
    """Several, with commas or semicolons between them."""
    found, begun = [], ""
    for piece in _PIECE.findall(_without_quotes(text)):
        begun = f"{begun},{piece}" if begun else piece
        if "@" in piece:  # else the comma belongs to a name
            found.append(begun)
            begun = ""
    return [read_mailbox(one) for one in [*found, begun] if one.strip(" ,;")]


_PIECE = re.compile(r'(?:"(?:\\.|[^"\\])*"|<[^<>]*>|[^,;])+')
"""Commas and semicolons inside of quotation marks and brackets separate nothing."""


def _without_quotes(text: str) -> str:
    """A file of variables may keep those around the whole value."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1
    return text[1:-1].strip() if is_quoted else text


def mailbox(name: str, address: str) -> str:
    """What `read_mailbox` reads as these two."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>' if name else address


def mailto(person: str, subject: str) -> str:
    """The link that begins a letter. `person` is an address, with or without a name."""
    _, address = read_mailbox(person)
    return f"mailto:{quote(for_programs(address), safe='@')}?subject={quote(subject)}"
