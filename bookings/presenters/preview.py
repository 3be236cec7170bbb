"""The e-mail a follower would get, in the words of the real one, before anything is sent."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from bookings import clocks, emails, links
from bookings.emails.letter import Letter, MailCase
from bookings.models import Booking, Offer
from bookings.wording.reader import Reader

NOTE_GOES_HERE = "Your note stands here."
LINK = "a private link"


@dataclass(frozen=True, slots=True)
class Preview:
    letter: Letter
    closing: str


def offer(booking: Booking, reader: Reader) -> Preview:
    """As if the offer were made now; nothing is written, nothing is asked of the database."""
    offered = copy.copy(booking)
    offered.deadline_at = clocks.after(reader.now, booking.limits.offer_window)
    kind = emails.KINDS["offer"]
    case = MailCase.of(kind.audience, offered, None, {}, reader.now)
    case.__dict__["offer"] = Offer(note=NOTE_GOES_HERE)
    case.__dict__["_links"] = dict.fromkeys((links.Purpose.PICK, *kind.links), LINK)
    letter = kind.write(case)
    closing = "".join(part if isinstance(part, str) else part.label for part in letter.closing)
    return Preview(letter, closing)
