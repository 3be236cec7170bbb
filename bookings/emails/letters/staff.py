"""What only the staff of the site can put right, and what experts ask them."""

from __future__ import annotations

from datetime import timedelta

from bookings import formats
from bookings.emails.letter import Letter, MailCase, admin_link, page_link, upper_first
from bookings.emails.registry import EXPERT, STAFF, Email
from bookings.models import SetAside
from bookings.plain_text import one_line


@Email(STAFF, "the sweep ran late: deadlines were not watched for a while")
def staff_sweep_late(case: MailCase) -> Letter:
    minutes = case.facts.get("minutes", "several")
    return Letter(
        subject=f"No sweep ran for {minutes} minutes",
        preheader="It is running again. Find out why it stopped.",
        heading="No sweep ran for a while",
        paragraphs=(
            f"For {minutes} minutes nothing watched the deadlines of {case.site_name}, and no "
            "reminder and no refund was sent. The sweep is running again and catches up by itself.",
            "Check beat and the workers: were they down, or too slow?",
        ),
        button=page_link("Open the admin", "admin:index"),
    )


@Email(STAFF, "a machine's clock is not the database's: it does nothing that is due")
def staff_clock_wrong(case: MailCase) -> Letter:
    host = one_line(str(case.facts.get("host", "")))
    seconds = int(case.facts.get("ahead_s", 0))
    apart = formats.left(timedelta(seconds=abs(seconds)))
    direction = "ahead of" if seconds > 0 else "behind"
    difference = f"The clock of {host} is {apart} {direction} the clock of the database."
    advice = (
        "Find out which of the two is wrong and set it (is NTP running on both?). "
        "Everything resumes by itself within a minute."
    )
    if case.facts.get("database") == "sqlite":
        difference = (
            f"The clock of {host} is {apart} {direction} where it should be: it was set while the "
            f"machine was running, or it was wrong when {case.site_name} last looked."
        )
        advice = (
            "Is the clock right now? Then run manage.py clock --accept on that machine. If it is "
            "wrong, set it; everything resumes by itself within a minute."
        )
    return Letter(
        subject=f"A clock is wrong: {host} is {apart} {direction.removesuffix(' of')}",
        preheader="That machine sends no refund and watches no deadline.",
        heading="A clock is wrong",
        paragraphs=(
            difference,
            "That machine watches no deadline and sends no reminder, no refund and no e-mail "
            "except this one, because a refund that is sent too early cannot be taken back.",
            advice,
        ),
        button=page_link("Open the admin", "admin:index"),
        closing=("Machines whose clocks are right carry on.",),
    )


@Email(STAFF, "the sweep cannot do what is due for a booking, and leaves it out")
def staff_bookings_set_aside(case: MailCase) -> Letter:
    pk = int(case.facts.get("set_aside", 0))
    row = SetAside.objects.filter(pk=pk).select_related("booking").first()
    code = row.booking.code if row else "a booking"
    return Letter(
        subject=f"{upper_first(code)} cannot go on by itself",
        preheader="Its deadline or its reminder waits for somebody to look.",
        heading="A booking was set aside",
        paragraphs=(
            f"What was due for {code} could not be done, so the booking was set aside. All others "
            "carry on. We try again after ten minutes, then less and less often.",
            "Find out what went wrong, fix it, and have it tried again at once. There may be more "
            "than one: you get at most one of these e-mails an hour.",
        ),
        quote=str(case.facts.get("why", "")),
        quoted="What went wrong",
        button=page_link("Open what was set aside", "admin:bookings_setaside_changelist"),
        closing=("While it waits, nobody is refunded or reminded because of its deadline.",),
    )


@Email(STAFF, "bookings have a time zone or limits that cannot be read")
def staff_unreadable(case: MailCase) -> Letter:
    count, lines = int(case.facts["count"]), [str(line) for line in case.facts["lines"]]
    title = f"{count} booking{'' if count == 1 else 's'} cannot be read in full"
    return Letter(
        subject=title,
        preheader="The pages work, with UTC or the limits of today in place of what is wrong.",
        paragraphs=(
            "Something in the database cannot be read. The pages and e-mails of these bookings "
            "work all the same, with UTC or the limits of today in place of what is wrong:",
            *lines,
            "The command manage.py verify names all such bookings.",
        ),
        button=page_link("Open the bookings", "admin:bookings_booking_changelist"),
    )


@Email(STAFF, "a purchase cannot be asked about or booked, though somebody may have paid")
def staff_purchase_unclear(case: MailCase) -> Letter:
    return Letter(
        subject="Somebody may have paid for a call that is not booked",
        preheader="Compare the purchase with the provider’s dashboard.",
        heading="A purchase is unclear",
        paragraphs=(
            "The payment provider could not be asked whether this purchase was paid, or what it "
            "said could not be saved. We keep asking for three days.",
            "Look for the payment in the provider’s dashboard. If it was paid and no booking "
            "appears here, refund it there and write to the buyer.",
        ),
        quote=str(case.facts.get("why", "")),
        quoted="What went wrong",
        button=admin_link("Open the purchase", "checkout", int(case.facts["checkout"])),
    )


@Email(STAFF, "an expert asks support for help")
def staff_support_request(case: MailCase) -> Letter:
    asked = case.support_request
    name = asked.expert.name
    about = (("Booking", asked.booking.code),) if asked.booking else ()
    return Letter(
        subject=f"{name} asks: {asked.subject}",
        preheader=asked.message[:90],
        heading=f"{name} asks for help",
        paragraphs=(f"{name} wrote: {asked.subject}",),
        quote=asked.message,
        quoted=name,
        button=admin_link("Answer in the admin", "supportrequest", asked.pk),
        facts=(("Expert", name), *about),
        closing=("Answer in the admin; a reply to this e-mail does not reach the expert.",),
    )


@Email(EXPERT, "staff answers a support request")
def support_answer(case: MailCase) -> Letter:
    asked = case.support_request
    return Letter(
        subject=f"Re: {asked.subject}",
        preheader=asked.answer[:90],
        heading=f"{case.support} answered you",
        paragraphs=(f"You asked us: {upper_first(asked.subject)}",),
        quote=asked.answer,
        quoted=case.support,
        button=page_link("View your requests", "support"),
        why="you asked support for help",
    )
