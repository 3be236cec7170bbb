"""The same question has the same answer on a page, in a mail and in the admin."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from bookings import formats, lifecycle, rules
from bookings.emails.letter import MailCase
from bookings.models import Booking, Payment, RefundState
from bookings.states import ActorKind, State, TransitionNotAllowed
from bookings.wording import history, next_step, refund
from bookings.wording.case import for_follower
from bookings.wording.limits import BANK_DAYS
from bookings.wording.reader import Audience, Reader
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.follower_pages import status
from tests.outbox_rows import rendered

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.django_db
AUDIENCES = tuple(Audience.values)


def all_went_back(booking: Booking) -> Booking:
    """Everything paid went back another way while the report was open."""
    Payment.objects.filter(booking=booking).update(returned_external_minor=booking.price_minor)
    return Booking.objects.select_related("payment", "expert", "follower").get(pk=booking.pk)


def mail(kind: str, booking: Booking) -> str:
    event = booking.events.order_by("-id").first()
    return rendered(kind, booking, now=NOW, event=event).text.replace("\n", " ")


def test_nothing_left_to_refund_reads_the_same_everywhere(client: Client) -> None:
    booking = all_went_back(report(make_booking()))
    with time_machine.travel(NOW + HOUR, tick=False):
        client.force_login(booking.expert.user)
        expert_page = client.get(f"/bookings/{booking.code}/").content.decode()
        follower_page = status(client, booking)
    assert "If you do nothing, the booking is closed." in expert_page
    assert "If there is no answer, the booking is closed." in follower_page
    assert "If you do nothing, the booking is closed." in mail("no_show_reported", booking)
    assert "If there is no answer, the booking is closed." in mail("report_received", booking)
    for text in (expert_page, follower_page):
        assert "₹0" not in text


@pytest.mark.parametrize(
    ("page_says", "kind"),
    [
        ("If you do nothing, Priya gets ₹2,400 back automatically.", "no_show_reported"),
        ("If you do nothing, Priya gets ₹2,400 back automatically.", "time_left"),
    ],
)
def test_what_silence_comes_to_is_one_sentence(page_says: str, kind: str) -> None:
    booking = report(make_booking())
    assert next_step.if_nobody_acts(booking, Reader.of(booking.expert, now=NOW)) == page_says
    assert page_says in mail(kind, booking)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize(
    "state", [State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED, State.CONTESTED]
)
def test_every_waiting_state_says_what_silence_comes_to(state: State, audience: str) -> None:
    booking = make_in_state(state)
    said = next_step.if_nobody_acts(booking, Reader("UTC", "24", NOW, audience))
    assert said.endswith(".")
    assert "{" not in said
    if state != State.RESCHEDULE_OFFERED:
        assert "₹2,400" in said


@pytest.mark.parametrize("seconds", [30, 60, 90, 600, 3600, 72 * 3600, 14 * 86400])
def test_a_limit_is_spelled_the_same_in_a_mail_and_on_a_page(seconds: int) -> None:
    """One speller; the help pages, the dialogs and the mails have no other."""
    assert not hasattr(formats, "spelled")
    length = timedelta(seconds=seconds)
    assert formats.duration_adjective(length) == formats.duration(length).rstrip("s").replace(
        " ", "-"
    )


def test_sixty_seconds_are_a_minute() -> None:
    assert formats.duration(timedelta(seconds=60)) == "1 minute"


def test_a_free_call_is_free_for_every_reader() -> None:
    booking = make_booking(price_minor=0)
    paid = make_booking()
    for one, is_free in ((booking, True), (paid, False)):
        assert one.is_free is is_free
        assert for_follower(one, now=NOW).is_free is is_free
        assert MailCase.of("expert", one, None, {}, NOW).is_free is is_free


def test_what_was_undone_counts_neither_on_a_page_nor_in_a_mail() -> None:
    booking = make_booking()
    mark_held_on_zoom(booking)
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=NOW + timedelta(seconds=5))
    offer(booking, now=NOW + timedelta(seconds=10))
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=NOW + timedelta(seconds=15))
    booking.refresh_from_db()
    for case in (
        for_follower(booking, now=NOW + HOUR),
        MailCase.of("follower", booking, None, {}, NOW + HOUR),
    ):
        assert case.mark is None
        assert case.offer is None


@pytest.mark.parametrize("state", list(State))
def test_a_refusal_names_no_constant(state: State) -> None:
    booking = make_in_state(state)
    assert rules.STANDS[state].endswith(".")
    if state in (State.REFUNDED, State.CANCELLED):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.report_no_show(
                booking.pk, actor=FOLLOWER, now=NOW, reason="other", text="Nobody came."
            )
        assert refused.value.sentence == rules.STANDS[state]


@pytest.mark.parametrize("verb", sorted(history.LINES))
@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_event_reads_as_a_sentence_for_whoever_is_told(verb: str, audience: str) -> None:
    booking = make_booking()
    event = booking.events.get(verb="booked")
    event.verb, event.data = verb, {}
    reader = Reader("UTC", "24", NOW, audience)
    for actor in ActorKind.values:
        event.actor_kind = actor
        entry = history.entry(event, booking, reader)
        assert "{" not in entry.text
        assert entry.text[:1] == entry.text[:1].upper()
        assert entry.text or audience == Audience.FOLLOWER


def test_staff_reads_names_and_not_you(client: Client) -> None:
    booking = report(make_booking())
    event = booking.events.get(verb="report_no_show")
    told = {
        audience: history.entry(event, booking, Reader("UTC", "24", NOW, audience))
        for audience in AUDIENCES
    }
    assert told["expert"].text == "Priya reported a no-show"
    assert told["follower"].text == "You reported that the call did not happen"
    assert told["staff"].text == "Priya Nair reported a no-show"
    assert len({(entry.icon, entry.tone) for entry in told.values()}) == 1


@pytest.mark.parametrize("state", RefundState.values)
@pytest.mark.parametrize("hold_reason", ["", "bank dispute open"])
def test_page_and_mail_say_the_same_about_the_money(
    state: str, hold_reason: str, client: Client
) -> None:
    booking = report(make_booking())
    lifecycle.run_deadline(booking.pk, state=State.NO_SHOW_REPORTED, now=NOW + 3 * DAY + HOUR)
    booking.refunds.update(state=state, hold_reason=hold_reason, accepted_at=NOW, finished_at=NOW)
    booking = Booking.objects.select_related("payment", "expert", "follower").get(pk=booking.pk)
    event = booking.events.get(verb="no_answer")
    written = rendered("refund_started", booking, now=NOW + 3 * DAY, event=event).text
    mailed = " ".join(written.split())
    made = booking.refunds.get()
    reader = Reader.of(booking.buyer, now=NOW + 3 * DAY)
    with time_machine.travel(reader.now, tick=False):
        page = status(client, booking)
    for sentence in refund.sentences(refund.amount_of(made, booking), booking, reader):
        assert sentence in mailed
        if state != RefundState.VOID:
            assert sentence in page


def test_how_long_banks_take_is_written_once(client: Client) -> None:
    for name in ("help_no_shows", "help_followers"):
        assert BANK_DAYS in client.get(reverse(name)).content.decode()
    texts = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("bookings/**/*.py")]
    named = [path.name for path in texts if "working days" in path.read_text()]
    assert sorted(named) == ["limits.py", "refund.py"], "refund.py says it in a comment"
