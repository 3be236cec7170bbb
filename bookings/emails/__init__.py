"""Every e-mail: the register of kinds, the outbox, and sending.

    letters/    the words of each e-mail: one function, one decorator
    registry    all kinds: who gets them, after what, and whether they are still true
    outbox      rows that wait to be sent
    delivery    sends them: claims rows, asks what is still true, writes down what became of them
    rendering   from words to text, HTML, headers and a calendar file
    mailing     hands the result to a mail server

Others write `emails.queue(...)` in the transaction that causes the mail, and a worker calls
`emails.deliver_all(...)`. `manage.py list_emails` lists all kinds with a sample each.
"""

from bookings.emails import letters as letters
from bookings.emails.delivery import deliver_all
from bookings.emails.letter import page_link, password_link
from bookings.emails.mailing import Rendered, Unsendable
from bookings.emails.outbox import (
    Wanted,
    cancel_held,
    queue,
    queue_again,
    queue_all,
    queue_for,
    queue_password_reset,
)
from bookings.emails.registry import KINDS, KINDS_AFTER, Email, kinds_after
