"""Every wait of a refund, in one place. Durations are elapsed time."""

from __future__ import annotations

import random
from datetime import timedelta

LEASE = timedelta(seconds=120)
"""Longer than any provider call; a driver that died is followed by another after this."""
KEY_LIFE = timedelta(hours=23)
"""Providers may forget a key after 24 hours: from then on we only look, and a person decides."""
SECOND_LOOK = timedelta(minutes=10)
"""Lists are behind. What a list does not show is believed to be absent when it could have shown
it for so long: after a second look, or this long after the last moment it can have been made."""
NEXT_KEY_AFTER = timedelta(minutes=2)
"""Before a new key is used after the provider's own errors, the list is read once more."""
KEYS_AFTER_FAILURES = 3
"""So many keys a refund may use up by itself on errors of the provider's own, as its work may be
done all the same; a person changes the key after that."""
KEYS_AFTER_REFUSALS = 8
"""The same for refusals: under a key that was refused nothing was paid."""
ALERT_AFTER = timedelta(minutes=10)
SLOW_BANK = timedelta(days=10)
BY_HAND_WITHIN = timedelta(days=1)
RETRY_AFTER = [timedelta(seconds=s) for s in (5, 30, 120, 600, 3600)]
POLL_AFTER = [timedelta(seconds=s) for s in (20, 120, 600, 3600, 6 * 3600)]
PROBE_EVERY = timedelta(minutes=10)
"""After an outage somebody must ask first, however far off the next tries are."""
SPREAD = timedelta(minutes=4)
"""Over how long waiting refunds are asked again when their provider is back."""
JITTER = 0.2


def before_retry(attempts: int) -> timedelta:
    """The more tries there were, the longer; never two refunds in step."""
    step = RETRY_AFTER[min(max(attempts, 1), len(RETRY_AFTER)) - 1]
    return step * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  not a secret


def before_poll(accepted_for: timedelta) -> timedelta:
    """As long again as the bank has had it already, in steps."""
    return next((step for step in POLL_AFTER if accepted_for < step), POLL_AFTER[-1])
