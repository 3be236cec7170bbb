"""The report and the offer of a booking: which are open, and how they end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bookings import compiled, timeline
from bookings.models import NoShowReport, Offer, TimelineEvent
from bookings.states import State

HAS_AN_OFFER = State.RESCHEDULE_OFFERED
MAY_BE_REPORTED = (State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED)


def close_cases(
    by: Sequence[TimelineEvent],
    *,
    now: datetime,
    report: NoShowReport.Outcome | None = None,
    offer: Offer.Outcome | None = None,
) -> None:
    """Close the open report and the open offer of these events' bookings, each with its outcome;
    None leaves it open. The state they came from says whether there was one."""
    closed: dict[str, Any] = {"closed_at": now}
    if report and (asked := [event for event in by if event.from_state in MAY_BE_REPORTED]):
        closed["closed_by"] = timeline.of_its_booking(asked)
        compiled.update(NoShowReport, _open(asked), {"outcome": report, **closed})
    if offer and (offered := [event for event in by if event.from_state == HAS_AN_OFFER]):
        closed["closed_by"] = timeline.of_its_booking(offered)
        compiled.update(Offer, _open(offered), {"outcome": offer, **closed})


def _open(events: Sequence[TimelineEvent]) -> dict[str, Any]:
    return {"booking_id__in": [event.booking_id for event in events], "outcome": "open"}
