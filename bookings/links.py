"""Private links: make, read, revoke. One purpose each.

A token is the link's random key, signed for its purpose: it can be written into an e-mail again
without ever being stored, and a link can be superseded although its token is still around.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from bookings import clocks, timeline
from bookings.database import kept_statements
from bookings.models import Booking, PrivateLink, TimelineEvent

Purpose = PrivateLink.Purpose
_OF_KEY = kept_statements.KeptQuery(
    lambda key, purpose: PrivateLink.objects.select_related(
        "booking__expert", "booking__follower", "booking__payment"
    ).filter(key=key, purpose=purpose),
    "key",
    "purpose",
)

SHOWN_FOR = timedelta(days=400)
"""For so long a link shows the status of its booking. The verbs decide what it may still do."""


def issue(
    booking: Booking,
    purpose: str,
    *,
    now: datetime,
    by: TimelineEvent | None = None,
    and_revoke: Sequence[str] = (),
) -> PrivateLink:
    """A new link; older ones for the same purpose and those of `and_revoke` are superseded."""
    _supersede([booking.pk], [purpose, *and_revoke], now=now, by=by)
    link = PrivateLink(
        booking=booking,
        purpose=purpose,
        created_at=now,
        expires_at=clocks.after(now, SHOWN_FOR),
        made_by=by,
    )
    kept_statements.insert([link])
    return link


def ensure(booking: Booking, purpose: str, *, now: datetime) -> PrivateLink:
    """The current link for a purpose, made if there is none."""
    return current(booking, purpose) or issue(booking, purpose, now=now)


def ensure_all(wanted: Iterable[tuple[Booking, str]], *, now: datetime) -> None:
    """The same for many bookings and purposes, in two statements."""
    missing = {(booking.pk, str(purpose)): booking for booking, purpose in wanted}
    if not missing:
        return
    present = PrivateLink.objects.filter(
        booking__in={pk for pk, _ in missing},
        purpose__in={purpose for _, purpose in missing},
        superseded_at__isnull=True,
    )
    for found in present.values_list("booking_id", "purpose"):
        missing.pop(found, None)
    PrivateLink.objects.bulk_create(
        [
            PrivateLink(
                booking=booking,
                purpose=purpose,
                created_at=now,
                expires_at=clocks.after(now, SHOWN_FOR),
            )
            for (_, purpose), booking in missing.items()
        ],
        ignore_conflicts=True,  # somebody else has just made it
    )


def replace_all(bookings: QuerySet[Booking], *, now: datetime) -> int:
    """A new link in the place of each current one; those of older mails stop working."""
    current = PrivateLink.objects.filter(booking__in=bookings, superseded_at__isnull=True)
    with transaction.atomic():
        replaced = list(current.select_for_update(no_key=True, of=("self",)))
        PrivateLink.objects.filter(pk__in=[old.pk for old in replaced]).update(superseded_at=now)
        PrivateLink.objects.bulk_create(
            PrivateLink(
                booking_id=old.booking_id,
                purpose=old.purpose,
                created_at=now,
                expires_at=old.expires_at,
                used_at=old.used_at,
                made_by_id=old.made_by_id,
            )
            for old in replaced
        )
    return len(replaced)


def current(booking: Booking, purpose: str) -> PrivateLink | None:
    return booking.links.filter(purpose=purpose, superseded_at__isnull=True).first()


def revoke(*purposes: str, now: datetime, by: Sequence[TimelineEvent]) -> None:
    """Of the bookings of these events; each link keeps the event that revoked it."""
    _supersede(
        [event.booking_id for event in by], purposes, now=now, by=timeline.of_its_booking(by)
    )


def _supersede(bookings: Sequence[int], purposes: Sequence[str], *, now: datetime, by: Any) -> None:
    current = {"booking_id__in": bookings, "purpose__in": purposes, "superseded_at__isnull": True}
    kept_statements.update(PrivateLink, current, {"superseded_at": now, "superseded_by": by})


def bring_back(undone: TimelineEvent) -> None:
    """The links this event revoked, except where there is a newer one: the follower has that."""
    newer = PrivateLink.objects.filter(booking=undone.booking_id, superseded_at__isnull=True)
    revoked = PrivateLink.objects.filter(superseded_by=undone)
    revoked.filter(purpose__in=newer.values("purpose")).update(superseded_by=None)
    revoked.update(superseded_at=None, superseded_by=None)


def mark_used(booking: Booking, purpose: str, *, now: datetime) -> None:
    booking.links.filter(purpose=purpose, superseded_at__isnull=True, used_at__isnull=True).update(
        used_at=now
    )


def token(link: PrivateLink) -> str:
    return _signer(link.purpose).sign(link.key)


def url(link: PrivateLink) -> str:
    """The absolute address for an e-mail."""
    path = reverse(link.purpose, kwargs={"token": token(link)})
    return f"{settings.SITE_URL.rstrip('/')}{path}"


def read(token: str, purpose: str) -> PrivateLink | None:
    """The link of a genuine token for this purpose, superseded or not; None for anything else."""
    try:
        key = _signer(purpose).unsign(token)
    except BadSignature:
        return None
    return _OF_KEY.first(key, str(purpose))


def is_live(link: PrivateLink, *, now: datetime) -> bool:
    """Whether the link may still act. Whether the booking allows it, `rules` says."""
    return link.superseded_at is None and now < link.expires_at


def _signer(purpose: str) -> Signer:
    return Signer(sep=".", salt=f"bookings.private-link.{purpose}")
