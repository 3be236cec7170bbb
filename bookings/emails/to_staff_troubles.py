"""To staff: what the site itself cannot go on with until somebody looks."""

from __future__ import annotations

from datetime import timedelta

from bookings import formats
from bookings.emails.case import Case, page
from bookings.emails.kinds import STAFF, kind
from bookings.emails.letter import Letter, Link
from bookings.emails.words import site_name, upper_first, why_staff
from bookings.models import SetAside
from bookings.plain_text import one_line


@kind(STAFF, "a machine's clock is not the database's: it does nothing that is due")
def staff_clock_wrong(case: Case) -> Letter:
    host = one_line(str(case.facts.get("host", "")))
    seconds = int(case.facts.get("ahead_s", 0))
    apart = formats.left(timedelta(seconds=abs(seconds)))
    direction = "ahead of" if seconds > 0 else "behind"
    if case.facts.get("database") == "sqlite":
        difference = (
            f"the clock of {host} is {apart} {direction} where it should be: it was set while the "
            f"machine was running, or it was wrong when {site_name()} last looked."
        )
        advice = (
            "Is the clock right now? Then run manage.py clock --accept on that machine. If it is "
            "wrong, set it; everything goes on by itself within a minute."
        )
    else:
        difference = f"the clock of {host} is {apart} {direction} the clock of the database."
        advice = (
            "Find out which of the two is wrong and set it (is NTP running on both?). "
            "Everything goes on by itself within a minute."
        )
    return Letter(
        subject=f"A clock is wrong: {host} is {apart} {direction.replace(' of', '')}",
        preheader="That machine sends no refund and watches no deadline.",
        heading="A clock is wrong",
        paragraphs=(
            difference,
            "That machine watches no deadline and sends no reminder, no refund and no e-mail but "
            "this one, because a refund that leaves too early does not come back.",
            advice,
        ),
        button=Link("Open the admin", page("admin:index")),
        policy=("Other machines whose clocks are right go on.",),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "the sweep cannot do what is due for a booking, and leaves it out")
def staff_bookings_set_aside(case: Case) -> Letter:
    pk = int(case.facts.get("set_aside", 0))
    row = SetAside.objects.filter(pk=pk).select_related("booking").first()
    code = row.booking.code if row else "a booking"
    return Letter(
        subject=f"{upper_first(code)} cannot go on by itself",
        preheader="Its deadline or its reminder waits for somebody to look.",
        heading="A booking was set aside",
        paragraphs=(
            f"what was due for {code} could not be done, so the booking was set aside. All others "
            "go on. It is tried again after ten minutes, then less and less often.",
            "Look at what went wrong, mend it, and have it tried again at once. There may be more "
            "than one: you get at most one of these e-mails an hour.",
        ),
        quote=str(case.facts.get("why", "")),
        quoted="What went wrong",
        button=Link("Open what was set aside", page("admin:bookings_setaside_changelist")),
        policy=("While it waits, nobody is refunded or reminded because of its deadline.",),
        why=why_staff(),
        can_reply=False,
    )


@kind(STAFF, "a purchase cannot be asked about or booked, though somebody may have paid")
def staff_purchase_unclear(case: Case) -> Letter:
    pk = int(case.facts["checkout"])
    return Letter(
        subject="Somebody may have paid for a call that is not booked",
        preheader="Compare the purchase with the provider’s dashboard.",
        heading="A purchase is unclear",
        paragraphs=(
            "the payment provider could not be asked whether this purchase was paid, or what it "
            "said could not be written down. It is asked again for three days.",
            "Look for the payment in the provider’s dashboard. If it was paid and no booking "
            "appears here, refund it there and write to the buyer.",
        ),
        quote=str(case.facts.get("why", "")),
        quoted="What went wrong",
        button=case.admin_link("Open the purchase", "checkout", pk),
        why=why_staff(),
        can_reply=False,
    )
