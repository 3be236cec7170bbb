"""Each invariant finds the breakage it is for, and a site lived on by the rules breaks none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from bookings import invariants, lifecycle, refunds
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    OutboxEmail,
    OutboxState,
    Payment,
    PrivateLink,
    Refund,
    SandboxRefund,
    TimelineEvent,
    guards,
    history_chain,
)
from bookings.states import State
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    make_service,
    mark_held_on_zoom,
    offer,
    report,
)

pytestmark = pytest.mark.django_db
CHECKS = {
    "bookings_booking": ("booking_waiting_has_a_clock", "booking_busy_to_the_end"),
    "bookings_payment": ("payment_refund_cap",),
}
INDEXES = ("report_one_open", "link_one_current_per_purpose", "event_form_acts_once")


@pytest.fixture
def unguarded() -> Iterator[None]:
    """A database that keeps no promise by itself any more."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table, names in CHECKS.items():
                for name in names:
                    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for index in INDEXES:
            cursor.execute(f"DROP INDEX {index}")
    guards.remove(connection)
    history_chain.chain_only(connection)
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def change(booking: Booking, **columns: object) -> Booking:
    Booking.objects.filter(pk=booking.pk).update(**columns)
    return booking


def refunded() -> Booking:
    """With its refund paid out by the sandbox."""
    booking = make_in_state(State.REFUNDED)
    for minutes in (1, 2):
        refund = Refund.objects.get(booking=booking)
        refunds.drive([refund.pk], now=NOW + timedelta(minutes=minutes))
    return booking


def refunded_by_itself() -> Booking:
    booking = report(make_booking())
    return lifecycle.run_deadline(
        booking.pk, state=State.NO_SHOW_REPORTED, now=NOW + 3 * DAY + timedelta(minutes=2)
    )


def lapsed() -> Booking:
    booking = offer(make_booking())
    return lifecycle.run_deadline(booking.pk, state=State.RESCHEDULE_OFFERED, now=NOW + 15 * DAY)


def the_refund(booking: Booking, **columns: object) -> Booking:
    Refund.objects.filter(booking=booking).update(**columns)
    return booking


# --- one breakage for each invariant ------------------------------------------------------------


def waiting_has_a_clock() -> Booking:
    return change(make_in_state(State.CONTESTED), deadline_at=None)


def no_deadline_is_missed() -> Booking:
    return change(report(make_booking()), deadline_at=NOW - timedelta(minutes=12))


def report_clock_is_full() -> Booking:
    booking = report(make_booking())
    booking.reports.update(due_at=F("due_at") - timedelta(seconds=1))
    return booking


def zones_are_known() -> Booking:
    booking = make_booking()
    type(booking.follower).objects.filter(pk=booking.follower_id).update(time_zone="Mars/Phobos")
    return booking


def limits_can_be_read() -> Booking:
    return change(make_booking(), policy={"link_reminder": "2 days"})


def reported_has_its_report() -> Booking:
    return change(report(make_booking()), deadline_at=NOW + 99 * HOUR)


def open_report_is_known() -> Booking:
    return change(report(make_booking()), has_open_report=False)


def offered_has_its_offer() -> Booking:
    booking = offer(make_booking())
    booking.offers.update(outcome=Offer.Outcome.PICKED)
    return booking


def offer_keeps_the_way_back() -> Booking:
    return change(offer(report(make_booking())), resume_deadline_at=NOW + 99 * HOUR)


def open_offer_has_a_link() -> Booking:
    booking = offer(make_booking())
    booking.links.filter(purpose="pick").update(superseded_at=NOW)
    return booking


def one_current_link() -> Booking:
    booking = offer(make_booking())
    PrivateLink.objects.create(booking=booking, purpose="pick", created_at=NOW, expires_at=NOW)
    return booking


def contested_has_its_contest() -> Booking:
    booking = make_in_state(State.CONTESTED)
    Contest.objects.filter(booking=booking).update(decision=Contest.Decision.COMPLETED)
    return booking


def marked_has_its_mark() -> Booking:
    booking = make_in_state(State.COMPLETED)
    CompletionMark.objects.filter(booking=booking).update(undone_at=NOW)
    return booking


def no_overlap() -> Booking:
    expert = make_expert(buffer_minutes=15)
    service = make_service(expert)
    make_booking(expert, service=service)
    other = make_booking(expert, service=service, starts_at=NOW + DAY)
    start = NOW - HOUR + timedelta(minutes=10)  # in the buffer of the first one
    return change(other, starts_at=start, ends_at=start + HOUR, busy_until=start + HOUR)


def history_has_no_gap() -> Booking:
    booking = make_in_state(State.COMPLETED)
    TimelineEvent.objects.filter(booking=booking, verb="mark_completed").update(
        from_state=State.CONTESTED
    )
    return booking


def state_is_where_history_ends() -> Booking:
    return change(make_booking(), state=State.COMPLETED)


def history_begins_with_booking() -> Booking:
    booking = make_booking()
    TimelineEvent.objects.filter(booking=booking).delete()
    return booking


def every_move_is_counted() -> Booking:
    return change(make_booking(), attempt=2)


def a_form_acts_once() -> Booking:
    booking = report(make_booking())
    TimelineEvent.objects.filter(booking=booking).update(request_key="the same form")
    return booking


def report_ended_as_history_says() -> Booking:
    booking = refunded_by_itself()
    booking.reports.update(outcome=NoShowReport.Outcome.COMPLETED)
    return booking


def offer_ended_as_history_says() -> Booking:
    booking = lapsed()
    booking.offers.update(closed_by=None)
    return booking


def promised_mail_is_written() -> Booking:
    booking = report(make_booking())
    OutboxEmail.objects.filter(booking=booking, kind="report_received").delete()
    return booking


def no_mail_is_stuck() -> Booking:
    booking = report(make_booking())
    OutboxEmail.objects.filter(booking=booking).update(next_attempt_at=NOW - HOUR)
    return booking


def standing_mark_is_told() -> Booking:
    booking = mark_held_on_zoom(make_booking())
    OutboxEmail.objects.filter(kind="marked_completed").update(state="cancelled")
    return booking


def open_offer_is_mailed() -> Booking:
    booking = offer(make_booking())
    OutboxEmail.objects.filter(kind="offer").update(state="cancelled")
    return booking


def refunds_within_capture() -> Booking:
    return the_refund(refunded(), amount_minor=240001)


def reserved_is_the_sum() -> Booking:
    booking = refunded()
    Payment.objects.filter(booking=booking).update(reserved_minor=1)
    return booking


def all_returns_within_capture() -> Booking:
    booking = refunded()
    Payment.objects.filter(booking=booking).update(reserved_minor=240000, returned_external_minor=1)
    return booking


def refund_belongs_to_its_booking() -> Booking:
    return the_refund(refunded(), currency="EUR")


def refund_is_as_decided() -> Booking:
    return the_refund(refunded(), amount_minor=239999)


def decided_refund_exists() -> Booking:
    booking = refunded()
    Refund.objects.filter(booking=booking).delete()
    return booking


def no_refund_sleeps() -> Booking:
    return the_refund(make_in_state(State.REFUNDED), next_attempt_at=None)


def failed_refund_is_told() -> Booking:
    return the_refund(refunded(), state="declined", alerted_at=None)


def erased_is_gone() -> Booking:
    return change(make_booking(), erased_at=NOW)


def history_is_as_written() -> Booking:
    booking = report(make_booking())
    booking.events.filter(verb="report_no_show").update(note="Nobody was there.")
    return booking


def no_refund_early() -> Booking:
    booking = refunded_by_itself()
    TimelineEvent.objects.filter(booking=booking, verb="no_answer").update(
        at=NOW + 72 * HOUR - timedelta(seconds=1)
    )
    return booking


def no_offer_lapses_early() -> Booking:
    booking = lapsed()
    TimelineEvent.objects.filter(booking=booking, verb="offer_lapsed").update(at=NOW + DAY)
    return booking


def sandbox_books_agree() -> Booking:
    booking = refunded()
    SandboxRefund.objects.update(amount_minor=1)
    return booking


PLANTED: list[Callable[[], Booking]] = [
    waiting_has_a_clock, no_deadline_is_missed, report_clock_is_full,
    reported_has_its_report,
    open_report_is_known, offered_has_its_offer, offer_keeps_the_way_back, open_offer_has_a_link,
    one_current_link, contested_has_its_contest, marked_has_its_mark, no_overlap,
    zones_are_known, limits_can_be_read,
    history_has_no_gap, state_is_where_history_ends, history_begins_with_booking,
    history_is_as_written, erased_is_gone, every_move_is_counted, a_form_acts_once, report_ended_as_history_says,
    offer_ended_as_history_says, promised_mail_is_written, no_mail_is_stuck,
    standing_mark_is_told, open_offer_is_mailed,
    refunds_within_capture, reserved_is_the_sum, all_returns_within_capture,
    refund_belongs_to_its_booking, refund_is_as_decided, decided_refund_exists, no_refund_sleeps,
    failed_refund_is_told, no_refund_early, no_offer_lapses_early, sandbox_books_agree,
]  # fmt: skip


def test_there_is_a_breakage_for_every_invariant() -> None:
    of_the_database = {"guards_are_in_place"}
    assert {plant.__name__ for plant in PLANTED} | of_the_database == set(invariants.ALL)


def test_a_lost_guard_is_found_and_named() -> None:
    lost = invariants.ALL["guards_are_in_place"]
    assert list(lost.offenders(NOW)) == []

    guards.remove(connection)

    assert {"booking_is_kept", "refund_add_up_new", "event_joins_the_chain"} < set(
        lost.offenders(NOW)
    )


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_breakage_is_found_and_named(
    unguarded: None, plant: Callable[[], Booking]
) -> None:
    bystander = report(make_booking())
    invariant = invariants.ALL[plant.__name__]
    assert list(invariant.offenders(NOW)) == []

    booking = plant()

    found = list(invariant.offenders(NOW))
    assert found
    assert all(name.startswith(booking.code) for name in found)
    assert bystander.code not in " ".join(found)


def test_every_state_reached_by_the_rules_is_clean() -> None:
    for state in State:
        make_in_state(state)
    for end in (refunded, refunded_by_itself, lapsed):
        end()
    booking = offer(report(make_booking()))
    lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=NOW + HOUR)
    booking = make_in_state(State.COMPLETED)
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=NOW + timedelta(seconds=5))

    broken = {
        name: found
        for name, invariant in invariants.ALL.items()
        if (found := list(invariant.offenders(NOW)))
    }

    assert broken == {}


def test_a_free_call_needs_no_refund() -> None:
    booking = make_booking(price_minor=0, follower=make_follower("Lena Hartmann"))
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)

    assert list(invariants.ALL["decided_refund_exists"].offenders(NOW)) == []


def test_a_sent_e_mail_is_not_stuck() -> None:
    booking = report(make_booking())
    OutboxEmail.objects.filter(booking=booking).update(state=OutboxState.SENT, next_attempt_at=None)

    assert list(invariants.ALL["no_mail_is_stuck"].offenders(NOW + DAY)) == []


def test_the_command_names_the_booking_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify")
    assert "invariants hold" in capsys.readouterr().out
    booking = state_is_where_history_ends()

    with pytest.raises(CommandError) as failed:
        call_command("verify")

    assert failed.value.returncode == 1
    assert booking.code in capsys.readouterr().out


@pytest.mark.postgres
def test_a_large_site_may_take_longer_than_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return str(cursor.fetchone()[0])

    seen = []

    def ask(now: datetime) -> Iterator[str]:
        seen.append(limit())
        yield from ()

    asking = replace(invariants.ALL["no_overlap"], offenders=ask)
    monkeypatch.setattr(invariants, "ALL", {"no_overlap": asking})
    before = limit()

    call_command("verify")

    assert before == limit() == "15s"
    assert seen == ["0"]
