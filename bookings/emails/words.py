"""Phrases that several letters share."""

from __future__ import annotations

from django.conf import settings

from bookings.emails.case import MailCase
from bookings.models import NoShowReport
from bookings.plain_text import one_line


def site_name() -> str:
    return str(settings.SITE_NAME)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def why_follower(case: MailCase) -> str:
    booked = f"you booked this call with {one_line(case.expert.name)} ({case.booking.code})"
    return f"You get this e-mail because {booked}."


def why_expert(case: MailCase) -> str:
    return f"You get this e-mail because booking {case.booking.code} is yours."


def why_staff() -> str:
    return f"You get this e-mail because you look after {site_name()}."


def call_facts(case: MailCase) -> tuple[tuple[str, str], ...]:
    return (("Call", case.call), ("When", case.time))


def expert_facts(case: MailCase) -> tuple[tuple[str, str], ...]:
    return (("Follower", case.follower.name), *call_facts(case))


def reported_because(case: MailCase) -> str:
    """The reason in words, without the follower's own text."""
    report = case.report
    return NoShowReport.Reason(report.reason).label if report else ""
