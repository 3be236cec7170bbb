"""Help for experts: support requests with their answers, and what readers think of the article."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from bookings import emails, tasks
from bookings.models import Booking, Expert, HelpFeedback, SupportRequest, User

REQUESTS_A_DAY = 10
"""How many requests one expert may send in a day. Each one sends staff an e-mail."""
STRANGERS_AN_HOUR = 200
"""How many answers about the articles are taken from readers who are not signed in."""
SAME_REQUEST = timedelta(minutes=10)


class TooManyRequests(Exception):
    """The expert has sent as many requests today as they may."""


def ask(
    expert: Expert, *, subject: str, message: str, booking: Booking | None, now: datetime
) -> SupportRequest:
    """Store a request and mail staff. A second click does not make a second request. Raises
    TooManyRequests."""
    own = expert.support_requests.all()
    with transaction.atomic():
        Expert.objects.select_for_update(no_key=True).get(pk=expert.pk)
        same = own.filter(subject=subject, message=message, created_at__gt=now - SAME_REQUEST)
        if earlier := same.first():
            return earlier
        if own.filter(created_at__gt=now - timedelta(days=1)).count() >= REQUESTS_A_DAY:
            raise TooManyRequests
        asked = SupportRequest.objects.create(
            expert=expert, booking=booking, subject=subject, message=message
        )
        _tell("staff_support_request", asked, now=now)
    return asked


def answer(request_id: int, *, text: str, by: User, now: datetime) -> bool:
    """Store the answer and mail it. False when somebody has answered meanwhile."""
    with transaction.atomic():
        is_first = SupportRequest.objects.filter(pk=request_id, answered_at__isnull=True).update(
            answer=text, answered_by=by, answered_at=now
        )
        if is_first:
            _tell("support_answer", SupportRequest.objects.get(pk=request_id), now=now)
    return bool(is_first)


def _tell(kind: str, asked: SupportRequest, *, now: datetime) -> None:
    email = emails.queue(
        kind,
        booking=asked.booking,
        now=now,
        dedupe=str(asked.pk),
        facts={"support_request": asked.pk},
    )
    tasks.wake_for(email)


def rate(
    article: str, *, is_helpful: bool, user: User | None, earlier_id: int | None, now: datetime
) -> HelpFeedback | None:
    """A reader's answer. Another answer of the same visit replaces the first.

    None when strangers answer far more often than readers would: their rows are bounded.
    """
    earlier = HelpFeedback.objects.filter(pk=earlier_id or 0, article=article)
    if earlier.update(is_helpful=is_helpful):
        return earlier.get()
    if user is None:
        lately = HelpFeedback.objects.filter(user=None, created_at__gt=now - timedelta(hours=1))
        if lately.count() >= STRANGERS_AN_HOUR:
            return None
    return HelpFeedback.objects.create(article=article, is_helpful=is_helpful, user=user)


def comment(feedback_id: int, text: str) -> bool:
    """Words to an answer given before; False when there is none."""
    return bool(HelpFeedback.objects.filter(pk=feedback_id).update(comment=text))
