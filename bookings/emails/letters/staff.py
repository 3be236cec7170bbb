"""What only the staff of the site can put right, and what experts ask them."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something the whole site needs: what is said when it is missing, and when it is back."""

    title: str
    means: str
    advice: str
    back: str


TROUBLES = {
    "sweep": Trouble(
        "No sweep has run for {time}",
        "Deadlines pass without anything happening, and no reminder and no refund is sent. "
        "Nothing is lost: everything that is due is done when the sweeps run again.",
        "Are beat and at least one worker running, and do they reach the broker? Until they do, "
        "manage.py sweep does the same by hand, or from cron.",
        "The sweeps run again; they had stopped for {time}",
    ),
    "worker": Trouble(
        "No worker has answered for {time}",
        "E-mails and refunds that follow a click wait for the next sweep, which something else "
        "still starts.",
        "Is at least one worker running, and does it reach the broker?",
        "A worker answers again; none had for {time}",
    ),
    "beat": Trouble(
        "Beat has asked for no sweep for {time}",
        "Workers are running, and nobody tells them every minute to look for what is due. As long "
        "as something else starts sweeps, deadlines, reminders and refunds only come later; if "
        "nothing does, they do not come at all.",
        "Is beat running, and does it reach the broker? Exactly one is needed.",
        "Beat asks for sweeps again; it had not for {time}",
    ),
    "broker": Trouble(
        "The broker has taken nothing for {time}",
        "Redis does not answer, or it is full. Workers are told of nothing, and buying a call and "
        "asking for a new password are refused, because how often they are used cannot be counted.",
        "Start it, or give it more memory. Do not let it drop keys by itself: its policy for a "
        "full memory must be noeviction.",
        "The broker takes messages again; it had not for {time}",
    ),
    "database": Trouble(
        "The database has not answered for {time}",
        "Every page says that nothing can be done right now, and nothing that is due is done. "
        "Nothing is half done.",
        "Start it. If it runs: is its disk full, or are all its connections taken?",
        "The database answers again; it had not for {time}",
    ),
    "disk": Trouble(
        "The disk has been nearly full for {time}",
        "Less than 100 MB are free where this site keeps its files. When nothing is left, photos "
        "cannot be stored, and a database on the same disk stops.",
        "Make room, or give it a larger disk.",
        "The disk has room again; it had been nearly full for {time}",
    ),
    "web": Trouble(
        "No web process has answered for {time}",
        "Nobody can open a page. Deadlines, e-mails and refunds go on.",
        "Is the web server running, and does it reach the database?",
        "The web server answers again; it had not for {time}",
    ),
    "mail": Trouble(
        "The mail server has taken nothing for {time}",
        "E-mails wait in the outbox and are tried again for most of a day.",
        "Is it running, and does it still take the password in EMAIL_URL?",
        "The mail server takes e-mails again; it had not for {time}",
    ),
    "provider": Trouble(
        "A payment provider has given no answer for {time}",
        "Refunds wait and are asked for again under the same key, so that nothing is paid twice.",
        "Look at the status page of the provider. If it is well, is its key still right?",
        "The payment provider answers again; it had not for {time}",
    ),
}


@Email(STAFF, "a part of the site that everything needs is missing")
def staff_trouble(case: MailCase) -> Letter:
    trouble, time = _trouble(case)
    title = trouble.title.format(time=time)
    return Letter(
        subject=title,
        preheader=trouble.means,
        heading=title,
        paragraphs=(trouble.means, trouble.advice),
        quote=str(case.facts.get("why", "")),
        quoted="What was found",
        button=page_link("Open the admin", "admin:index"),
        closing=("You get another e-mail when it is over.",),
    )


@Email(STAFF, "what was missing is back")
def staff_trouble_over(case: MailCase) -> Letter:
    trouble, time = _trouble(case)
    title = trouble.back.format(time=time)
    return Letter(
        subject=title,
        preheader="Everything that is due is done now, by itself.",
        heading=title,
        paragraphs=("Everything that is due is done now, by itself. There is nothing to do.",),
        button=page_link("Open the admin", "admin:index"),
    )


def _trouble(case: MailCase) -> tuple[Trouble, str]:
    """And how long it lasts, or has lasted."""
    return TROUBLES[str(case.facts["name"])], lasts(int(case.facts.get("seconds", 0)))


def lasts(seconds: int) -> str:
    """In a sentence: 4 minutes, 3 hours."""
    minutes = max(1, round(seconds / 60))
    return formats.duration(timedelta(minutes=minutes if minutes < 120 else 60 * (minutes // 60)))


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
