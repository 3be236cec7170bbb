"""Rows that nobody needs any more go, some in every sweep. How long each kind is kept, and why, is
in docs/privacy.md."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet

from bookings.models import Heartbeat, Invitation, OutboxEmail, OutboxState, PrivateLink, SignIn

FORGET_AT_MOST = 1000
ATTEMPTS_KEPT_FOR = RESETS_KEPT_FOR = timedelta(days=1)


def sessions(*, now: datetime) -> int:
    deleted = _delete_some(Session.objects.filter(expire_date__lt=now))
    session = Session.objects.filter(pk=OuterRef("session_id"))
    return deleted + _delete_some(SignIn.objects.filter(~Exists(session)))


def password_resets(*, now: datetime) -> int:
    """Anybody can enter any address, so these rows pile up. Those that failed stay for staff."""
    asked = OutboxEmail.objects.filter(
        kind="password_reset",
        created_at__lt=now - RESETS_KEPT_FOR,
        state__in=[OutboxState.SENT, OutboxState.CANCELLED],
    )
    return _delete_some(asked.order_by("created_at"))


def attempts_to_sign_in(*, now: datetime) -> int:
    old = AccessAttempt.objects.filter(attempt_time__lt=now - ATTEMPTS_KEPT_FOR)
    return _delete_some(old.order_by())


def invitations(*, now: datetime) -> int:
    """Those that led to nothing. They name people who have no account."""
    before = now - settings.KEEP_INVITATIONS
    over = Q(revoked_at__lt=before) | Q(revoked_at=None, expires_at__lt=before)
    return _delete_some(Invitation.objects.filter(over, accepted_at=None).order_by("pk"))


def mails(*, now: datetime) -> int:
    """The rows of e-mails about which nothing more will be done."""
    done = [OutboxState.SENT, OutboxState.CANCELLED, OutboxState.FAILED]
    before = now - settings.KEEP_MAILS
    rows = OutboxEmail.objects.all()
    return _delete_oldest(rows, Q(state__in=done), "mails_forgotten", "created_at", before)


def links(*, now: datetime) -> int:
    """Private links that have long expired. Where one is needed again, a new one is made."""
    before = now - settings.KEEP_LINKS
    return _delete_oldest(PrivateLink.objects.all(), Q(), "links_forgotten", "expires_at", before)


def _delete_oldest(rows: QuerySet[Any], wanted: Q, name: str, column: str, before: datetime) -> int:
    """Rows are written in the order of time, so they are read by their ids, from where the sweep
    before has stopped up to the first one that is too young: no index is needed for it."""
    beat, _ = Heartbeat.objects.get_or_create(name=name, defaults={"finished_at": before})
    last = beat.counts.get("last", 0)
    read = rows.filter(pk__gt=last).order_by("pk").values_list("pk", column)[:FORGET_AT_MOST]
    ids = []
    for pk, at in read:
        if at >= before:
            break
        ids.append(pk)
    if not ids:
        return 0
    deleted: int = rows.filter(wanted, pk__in=ids).delete()[0]
    Heartbeat.objects.filter(pk=beat.pk).update(finished_at=before, counts={"last": ids[-1]})
    return deleted


def _delete_some(rows: QuerySet[Any]) -> int:
    ids = list(rows.values_list("pk", flat=True)[:FORGET_AT_MOST])
    deleted: int = rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return deleted


ALL = (sessions, attempts_to_sign_in, password_resets, invitations, mails, links)
