"""What an e-mail is written from: a case, the private links, and the addresses of our pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from bookings import formats, links
from bookings.emails.letter import Link
from bookings.models import Booking, OutboxEmail, SupportRequest, TimelineEvent, User
from bookings.plain_text import one_line
from bookings.wording import refund as money
from bookings.wording.case import Case
from bookings.wording.reader import Reader


class MailCase(Case):
    """A mail is read alone: each of its times names the zone."""

    @classmethod
    def of(
        cls,
        audience: str,
        booking: Booking | None,
        event: TimelineEvent | None,
        facts: dict[str, Any],
        now: datetime,
    ) -> Self:
        reader = Reader.staff(now=now)
        if booking is not None and audience == OutboxEmail.Audience.FOLLOWER:
            reader = Reader.of(booking.buyer, now=now)
        elif booking is not None and audience == OutboxEmail.Audience.EXPERT:
            reader = Reader.of(booking.expert, now=now)
        return cls(booking, replace(reader, audience=audience), event, facts)

    def at(self, instant: datetime) -> str:
        return self.placed(instant)

    def on(self, instant: datetime) -> str:
        """Wed 26 Nov."""
        return self.reader.day(instant)

    def on_long(self, instant: datetime) -> str:
        return formats.long_day(instant, self.reader.zone, self.now)

    @property
    def time(self) -> str:
        return self.call_at

    @property
    def title(self) -> str:
        return one_line(self.booking.service_title)

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
        """Why the money goes back, as a sentence without its full stop."""
        event = self.event
        if event is None:
            return ""
        return money.why(event.verb, event.actor_kind, self.booking, self.audience)

    # --- people -----------------------------------------------------------------------------------

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

    @property
    def is_about_an_account(self) -> bool:
        return "user" in self.facts or "email" in self.facts

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

    def booking_link(self, label: str) -> Link:
        """The expert's own page of the booking."""
        return Link(label, page("booking", code=self.booking.code))

    def admin_link(self, label: str, model: str, pk: int | None) -> Link:
        try:
            path = reverse(f"admin:bookings_{model}_change", args=[pk])
        except NoReverseMatch:
            path = reverse("admin:index")
        return Link(label, absolute(path))


def page(name: str, **kwargs: Any) -> str:
    """The absolute address of one of our pages."""
    return absolute(reverse(name, kwargs=kwargs))


def absolute(path: str) -> str:
    return f"{settings.SITE_URL.rstrip('/')}{path}"
