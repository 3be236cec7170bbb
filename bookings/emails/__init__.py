"""Every e-mail: the register of kinds, the outbox, and sending.

Others write `emails.queue(...)` in the transaction that causes the mail, and a worker calls
`emails.deliver_all(...)`. `manage.py list_emails` lists all kinds with a sample each.
"""

from bookings.emails.delivery import deliver, deliver_all
from bookings.emails.kinds import KINDS, Kind
from bookings.emails.letter import Rendered
from bookings.emails.outbox import (
    Promise,
    cancel_held,
    queue,
    queue_again,
    queue_all,
    queue_for,
    queue_for_all,
    queue_password_reset,
)
from bookings.emails.promises import AFTER, promised_kinds
from bookings.emails.rendering import Unsendable, render

__all__ = [
    "AFTER",
    "KINDS",
    "Kind",
    "Promise",
    "Rendered",
    "Unsendable",
    "cancel_held",
    "deliver",
    "deliver_all",
    "promised_kinds",
    "queue",
    "queue_again",
    "queue_all",
    "queue_for",
    "queue_for_all",
    "queue_password_reset",
    "render",
]
