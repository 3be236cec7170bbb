"""To staff: what the site itself cannot go on with until somebody looks."""

from __future__ import annotations

from datetime import timedelta

from bookings import formats
from bookings.emails.case import Case, page
from bookings.emails.kinds import STAFF, kind
from bookings.emails.letter import Letter, Link
from bookings.emails.words import site_name, why_staff


@kind(STAFF, "a machine's clock is not the database's: it does nothing that is due")
def staff_clock_wrong(case: Case) -> Letter:
    host = formats.one_line(str(case.facts.get("host", "")))
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
