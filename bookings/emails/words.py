"""Phrases that several letters share."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from bookings.emails.case import Case
from bookings.models import CompletionMark, NoShowReport
from bookings.plain_text import one_line

BANK_DAYS = "5 to 10 working days"
"""Until a provider names a date."""
BANK_TAKES = f"usually {BANK_DAYS}"

CHANNELS: Mapping[str, str] = {
    CompletionMark.Channel.PLANNED: "in the planned room",
    CompletionMark.Channel.VIDEO: "on another video call",
    CompletionMark.Channel.PHONE: "by phone",
    CompletionMark.Channel.IN_PERSON: "in person",
    CompletionMark.Channel.OTHER: "somewhere else",
}


def site_name() -> str:
    return str(settings.SITE_NAME)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def why_follower(case: Case) -> str:
    booked = f"you booked this call with {one_line(case.expert.name)} ({case.booking.code})"
    return f"You get this e-mail because {booked}."


def why_expert(case: Case) -> str:
    return f"You get this e-mail because booking {case.booking.code} is yours."


def why_staff() -> str:
    return f"You get this e-mail because you look after {site_name()}."


def call_facts(case: Case) -> tuple[tuple[str, str], ...]:
    return (("Call", case.call), ("When", case.time))


def expert_facts(case: Case) -> tuple[tuple[str, str], ...]:
    return (("Follower", case.follower.name), *call_facts(case))


def reported_because(case: Case) -> str:
    """The reason in words, without the follower's own text."""
    report = case.report
    return NoShowReport.Reason(report.reason).label if report else ""


def refund_cause(case: Case, *, expert: str) -> str:
    """Why the money goes back. `expert` is how the reader calls the expert's side: Maya, You."""
    follower = case.follower.first_name
    event = case.event
    verb = event.verb if event else ""
    if verb == "no_answer":
        return f"{expert} did not answer the no-show report in time."
    if verb == "refund_instead":
        return f"{follower} chose a refund instead of a new time."
    if verb == "offer_lapsed":
        return f"{follower} picked no new time before the link ran out."
    if verb == "nobody_decided":
        return "Support did not decide the case in time, so it ends with a refund."
    if event is not None and event.actor_kind == "staff":
        return f"{site_name()} support decided to refund this call."
    return f"{expert} refunded this call."
