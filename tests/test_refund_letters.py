"""A booking that has ended is told to both sides, whatever became of the refund by then."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from bookings import lifecycle, sweeps
from bookings.demo import samples
from bookings.emails import KINDS
from bookings.emails.letters import refunds as refund_letters
from bookings.emails.rendering import render
from bookings.models import Booking, Refund, RefundState, StoredMessage
from bookings.models.money import NEEDS_STAFF
from tests import builders
from tests.builders import DAY, NOW
from tests.mail_settings import use_mail

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
STARTED = ("has started", "is going back to", "On your account", "went back to Lena on")


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    use_mail(settings)


def declined_at_once(**details: Any) -> Booking:
    return builders.make_booking(payment_ref="pay_declines", **details)


def said_to(email: str) -> str:
    """All that came to somebody, in the order in which it came, with line feeds as blanks."""
    found = StoredMessage.objects.filter(to=email).order_by("pk")
    return " ".join(" ".join(f"{one.subject} {one.text}" for one in found).split())


def both(booking: Booking) -> dict[str, str]:
    return {
        "expert": said_to(booking.expert.user.email),
        "follower": said_to(booking.follower.email),
    }


def calendars(booking: Booking) -> dict[str, list[str]]:
    return {
        who: list(
            StoredMessage.objects.filter(to=email)
            .exclude(calendar="")
            .values_list("calendar", flat=True)
        )
        for who, email in (
            ("expert", booking.expert.user.email),
            ("follower", booking.follower.email),
        )
    }


def test_of_an_automatic_refund_that_is_declined_at_once_the_expert_is_told() -> None:
    """The sweep drives refunds before it sends mail: the provider's no is there first."""
    booking = declined_at_once()
    builders.report(booking)
    sweeps.run(now=NOW)
    StoredMessage.objects.all().delete()
    sweeps.run(now=NOW + 3 * DAY + 2 * MINUTE)
    assert Refund.objects.get().state == RefundState.DECLINED
    said = both(booking)
    assert "You did not answer the report within 72 hours." in said["expert"]
    assert "The refund of ₹2,400 to Priya did not go through yet." in said["expert"]
    assert "did not answer your report within 72 hours" in said["follower"]
    assert "is approved, but it did not go through yet" in said["follower"]
    assert "Your ₹2,400 refund is delayed" in said["follower"]
    for words in STARTED:
        assert words not in said["expert"]
        assert words not in said["follower"]


def test_a_refund_of_tomorrows_call_that_is_declined_at_once_leaves_both_calendars() -> None:
    booking = declined_at_once(starts_at=NOW + DAY)
    lifecycle.refund_now(booking.pk, actor=builders.staff(), now=NOW, reason="Goodwill.")
    sweeps.run(now=NOW + MINUTE)
    assert Refund.objects.get().state == RefundState.DECLINED
    for who, files in calendars(booking).items():
        assert len(files) == 1, who
        assert "METHOD:CANCEL" in files[0]
    assert "will not take place" in both(booking)["expert"]
    assert "will not take place" in both(booking)["follower"]
    assert not [words for words in STARTED if words in "".join(both(booking).values())]


def test_a_cancelled_call_whose_refund_is_declined_at_once_says_so_to_both() -> None:
    booking = declined_at_once(starts_at=NOW + DAY)
    lifecycle.cancel(booking.pk, actor=builders.staff(), now=NOW, reason="The expert is ill.")
    sweeps.run(now=NOW + MINUTE)
    assert Refund.objects.get().state == RefundState.DECLINED
    assert all(
        ["METHOD:CANCEL" in one for one in files] == [True] for files in calendars(booking).values()
    )
    said = both(booking)
    assert "did not go through yet" in said["expert"]
    assert "did not go through yet" in said["follower"]
    assert not [words for words in STARTED if words in "".join(said.values())]


ENDINGS = (
    "refund_started-no-answer",
    "refund_started-future",
    "booking_refunded-no-answer",
    "booking_refunded-staff",
    "call_cancelled",
    "call_cancelled_expert",
    "decision-refunded",
    "decision_expert-refunded",
    "time_taken",
)


def letter(name: str, state: str, hold_reason: str = "") -> str:
    """The ending as it reads when its refund stands so by the time it is sent."""
    row = samples.play(name, now=NOW)
    assert row is not None
    assert row.booking is not None
    row.booking.refunds.update(state=state, hold_reason=hold_reason)
    case = samples.case_of(row, now=NOW)
    assert KINDS[row.kind].still_true(case), f"{name} is not sent"
    mail = render(row.kind, case)
    is_future = case.datum("was_future") is True
    assert mail.calendar_method == ("CANCEL" if is_future else "")
    return " ".join(f"{mail.subject} {mail.text} {mail.html}".split())


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("state", RefundState.values)
def test_an_ending_is_always_told_and_never_says_more_than_the_refund(
    name: str, state: str
) -> None:
    says = {words for words in STARTED if words in letter(name, state)}
    assert bool(says) == (state not in ("declined", "reversed", "void", "manual_due"))


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize(
    ("state", "hold_reason", "words"),
    [
        ("declined", "", "did not go through yet"),
        ("reversed", "", "did not go through yet|came back"),
        ("void", "", "went back to"),
        ("manual_due", "", "ur team (sends|checks)"),
        ("due", "bank dispute open", "ur team (sends|checks)"),
    ],
)
def test_who_looks_after_the_money_is_said(
    name: str, state: str, hold_reason: str, words: str
) -> None:
    said = letter(name, state, hold_reason)
    assert re.search(words, said)
    assert "has started" not in said


def test_staff_is_told_in_a_sentence_whatever_the_state() -> None:
    assert set(refund_letters._PROBLEMS) == {*NEEDS_STAFF, RefundState.ACCEPTED}
