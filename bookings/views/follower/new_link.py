"""A link that is over: mail the newest one to the address the follower booked with."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from bookings import database_time, emails, tasks
from bookings.views.follower.private import Purpose, ensure_live, read_or_404, wanted

EVERY_SECONDS = 600
SENT = "We sent the newest link to the address you booked with. It is there in a minute or two."


@require_POST
def new_link(request: HttpRequest, purpose: str, token: str) -> HttpResponse:
    """The answer is the same whether a mail was written or one went out minutes ago."""
    if purpose not in Purpose.values:
        raise Http404("no such purpose")
    link = read_or_404(token, purpose)
    now = database_time.now()
    to_send = wanted(link.booking, now=now)
    with transaction.atomic():
        ensure_live(link.booking, to_send, now=now)
        spell = int(now.timestamp()) // EVERY_SECONDS
        emails.queue(
            "new_link",
            booking=link.booking,
            now=now,
            dedupe=f"{link.booking.pk}:{to_send}:{spell}",
            facts={"purpose": to_send},
        )
        tasks.wake(link.booking)
    messages.success(request, SENT)
    return redirect(reverse(purpose, kwargs={"token": token}))
