"""Header values of an e-mail: they arrive as they were written, whatever was written.

Names and titles are other people's words. One that looks like an encoded word (`=?utf-8?q?hi?=`)
would be decoded by the reader's mail program, so it is encoded itself.
"""

from __future__ import annotations

import re
from email.header import Header

LONGEST_WORD = 64
"""RFC 2047 allows an encoded word 75 characters and its line 76: with the longest name of a header
in front of it, each of ours fits."""
LONGEST_LINE = 76
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def phrase(text: str) -> str:
    """Text of a header in ASCII, on one line: as it is, or as encoded words with blanks between.

    So is a word too long for a line: folded, it would leave the first line empty.
    """
    is_short = all(len(word) <= LONGEST_WORD for word in text.split(" "))
    if text.isascii() and is_short and "=?" not in text:
        return text
    words = Header(text, "utf-8", maxlinelen=LONGEST_WORD).encode()
    return " ".join(words.split())


def mailbox(name: str, address: str) -> str:
    """`Name <address>`, the name quoted or encoded where it has to be."""
    found = phrase(name)
    if found == name and not _ATOMS.fullmatch(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        found = f'"{escaped}"'
    return f"{found} <{address}>" if found else address


def folded(name: str, value: str) -> str:
    """`value` over several lines, broken at blanks; nothing refolds lines as short as these."""
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) > LONGEST_LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\n".join(lines).removeprefix(f"{name}: ")
