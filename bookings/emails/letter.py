"""What an e-mail is written from, a `MailCase`, and what it says, a `Letter`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.urls import NoReverseMatch, reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bookings import formats, links
from bookings.models import (
    Booking,
    Invitation,
    OutboxEmail,
    SupportRequest,
    TimelineEvent,
    User,
)
from bookings.plain_text import one_line
from bookings.wording import refund as money
from bookings.wording.case import Case
from bookings.wording.limits import BANK_TAKES
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


Sentence = tuple[str | Link, ...]
"""Words with links among them."""
Facts = tuple[tuple[str, str], ...]
"""Names and values, one pair on a line."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of one e-mail, as plain strings; the templates escape them."""

    subject: str
    preheader: str
    paragraphs: tuple[str, ...]
    heading: str = ""
    """Given where it is not the subject."""
    button: Link | None = None
    """Given where it does not simply lead to the booking."""
    facts: Facts | None = None
    """Given where they are not those of the call."""
    closing: Sentence = ()
    """What happens next, and by when."""
    quote: str = ""
    quoted: str = ""
    """Whose words the quote is."""
    why: str = ""
    """The reader gets it because …, where that is not the usual reason of the audience."""
    is_private: bool = False
    """It says that it should not be forwarded, as every e-mail to a follower does."""
    can_reply: bool = True


class MailCase(Case):
    """A case for one reader of one e-mail. It is read alone: each of its times names the zone."""

    @classmethod
    def of(
        cls,
        audience: str,
        booking: Booking | None,
        event: TimelineEvent | None,
        facts: dict[str, Any],
        now: datetime,
    ) -> Self:
        if booking is not None and audience == OutboxEmail.Audience.FOLLOWER:
            reader = Reader.of(booking.buyer, now=now)
        elif booking is not None and audience == OutboxEmail.Audience.EXPERT:
            reader = Reader.of(booking.expert, now=now)
        else:
            reader = replace(Reader.staff(now=now), audience=audience)
        return cls(booking, reader, event, facts)

    def at(self, instant: datetime) -> str:
        return f"{self.reader.moment(instant)} ({self.place})"

    def on(self, instant: datetime) -> str:
        """Wed 26 Nov."""
        return self.reader.day(instant)

    @property
    def long_day(self) -> str:
        """Wednesday 26 November, the day of the call."""
        return formats.long_day(self.booking.starts_at, self.reader.zone, self.now)

    # --- the call ---------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return one_line(self.booking.service_title)

    @property
    def call_facts(self) -> Facts:
        """The call, and the people in it whom the reader does not know already."""
        audience, call = self.audience, (("Call", self.call), ("When", self.call_at))
        if audience == OutboxEmail.Audience.FOLLOWER:
            return call
        facts = (("Follower", self.follower.name), *call)
        if audience == OutboxEmail.Audience.EXPERT:
            return facts
        return (("Booking", self.booking.code), ("Expert", self.expert.name), *facts)

    @property
    def refund_facts(self) -> Facts:
        """What goes back to the follower, by which way, and by when."""
        if self.where in (money.Place.NOTHING, money.Place.ELSEWHERE):
            return (("Call", self.call), ("Was planned for", self.call_at))
        method = self.payment.method if self.payment else ""
        to = (("To", method),) if method else ()
        is_going = self.where in money.GOING
        by = (("On your account", upper_first(BANK_TAKES)),) if is_going else ()
        return (("Amount", self.amount), *to, ("Call", self.call), *by)

    @property
    def has_same_deadline(self) -> bool:
        """The clock that ran when the e-mail was queued is the one that runs now."""
        queued, now = self.facts.get("deadline_at"), self.booking.deadline_at
        return queued is None or (now is not None and now.isoformat() == queued)

    # --- money ------------------------------------------------------------------------------------

    @property
    def money_sentences(self) -> tuple[str, ...]:
        """Where the money is that the event sent back."""
        told = replace(
            money.amount_of(self.refund, self.booking),
            where=self.where,
            money=self.amount,
            is_free=self.is_free,
        )
        return money.sentences(told, self.booking, self.reader)

    @property
    def cause(self) -> str:
        """Why the money goes back."""
        if self.event is None:
            return ""
        why = money.why(self.event.verb, self.event.actor_kind, self.booking, self.audience)
        return f"{why}."

    # --- people -----------------------------------------------------------------------------------

    @property
    def site_name(self) -> str:
        return str(settings.SITE_NAME)

    @property
    def support(self) -> str:
        return f"{settings.SITE_NAME} support"

    @property
    def is_by_staff(self) -> bool:
        """Staff did what the e-mail tells of."""
        return self.event is not None and self.event.actor_kind == "staff"

    @property
    def note(self) -> str:
        """The words of whoever did what the e-mail tells of."""
        return self.event.note if self.event else ""

    @cached_property
    def support_request(self) -> SupportRequest:
        wanted = self.facts["support_request"]
        return SupportRequest.objects.select_related("expert__user", "booking").get(pk=int(wanted))

    @cached_property
    def user(self) -> User:
        """Somebody who signs in and is written to about that."""
        users = User.objects.select_related("expert")
        if "email" in self.facts:
            return users.get(email=self.facts["email"], is_active=True)
        return users.get(pk=int(self.facts["user"]))

    @cached_property
    def invitation(self) -> Invitation:
        invitations = Invitation.objects.select_related("invited_by__expert")
        return invitations.get(pk=int(self.facts["invitation"]))

    # --- addresses --------------------------------------------------------------------------------

    @cached_property
    def _links(self) -> dict[str, str]:
        current = self.booking.links.filter(superseded_at__isnull=True)
        return {link.purpose: links.url(link) for link in current}

    def private_url(self, purpose: str) -> str:
        """Of the newest link for a purpose. LookupError when there is none."""
        if purpose not in self._links:
            raise LookupError(f"{self.booking.code} has no private link for {purpose!r}.")
        return self._links[purpose]

    def link(self, label: str, purpose: str) -> Link:
        return Link(label, self.private_url(purpose))

    @property
    def booking_link(self) -> Link:
        """Where the reader sees the booking."""
        if self.audience == OutboxEmail.Audience.FOLLOWER:
            return self.link("View status", "status")
        if self.audience == OutboxEmail.Audience.EXPERT:
            return page_link("View booking", "booking", code=self.booking.code)
        return admin_link("View booking", "booking", self.booking.pk)


def page_link(label: str, name: str, *, query: str = "", **kwargs: Any) -> Link:
    """The absolute address of one of our pages."""
    path = f"{reverse(name, kwargs=kwargs)}{query}"
    return Link(label, f"{settings.SITE_URL.rstrip('/')}{path}")


def password_link(label: str, user: User) -> Link:
    """Where somebody chooses a new password. The token is made each time and stored nowhere."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return page_link(label, "password_reset_confirm", uidb64=uid, token=token)


def password_link_lasts() -> str:
    """How long the link for a new password works: 4 hours."""
    return formats.duration(timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))


def admin_link(label: str, model: str, pk: int | None) -> Link:
    """The page of one row in the admin; its start page where the admin does not show such rows."""
    try:
        return page_link(label, f"admin:bookings_{model}_change", object_id=pk)
    except NoReverseMatch:
        return page_link(label, "admin:index")


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
