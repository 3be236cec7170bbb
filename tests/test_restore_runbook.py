"""The runbook in deploy/after-restore, step by step: a day-old backup is restored, and what was
refunded since is not refunded again."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, refunds, sweeps
from bookings.management.commands import reconcile
from bookings.models import Booking, Heartbeat, Payment, Refund, RefundState
from bookings.refunds import holds
from bookings.states import State, TransitionNotAllowed
from tests.builders import DAY, HOUR, make_booking, make_expert, report, staff
from tests.engine import connect, paid, payment_of
from tests.provider.running import Provider
from tests.provider.stripe import names_of
from tests.staff_pages import act

pytestmark = pytest.mark.django_db
PART, WHOLE = 80000, 240000
OLD = 20 * DAY
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def somebody_reads_it(settings: Any) -> None:
    settings.STAFF_EMAIL = ["ops@example.com"]
    settings.BREAKER_LEAST = 1000


def sold(provider: Provider, count: int, *, at: datetime, paid_ago: timedelta = OLD) -> list[Any]:
    """Calls that were paid long ago and took place, or did not."""
    expert = make_expert()
    made = []
    for n in range(count):
        ref = provider.pay(WHOLE, "INR", created=(at - paid_ago).timestamp())
        booking = make_booking(
            expert, now=at, starts_at=at - paid_ago + 3 * DAY + 2 * n * HOUR,
            provider=provider.name, payment_ref=ref,
        )  # fmt: skip
        Payment.objects.filter(booking=booking).update(paid_at=at - paid_ago, next_compare_at=None)
        made.append(booking)
    return made


def give_back(booking: Booking, *, at: datetime, part: int | None = PART, **said: Any) -> None:
    lifecycle.refund_now(
        booking.pk, actor=staff(), now=at, reason="Half an hour late.", amount_minor=part, **said
    )


def drive_all(provider: Provider, *, at: datetime) -> None:
    """Until nothing is on its way any more."""
    for _ in range(4):
        provider.tell(advance=61)
        due = Refund.objects.exclude(next_attempt_at=None)
        due.update(next_attempt_at=at)
        refunds.drive(list(due.ids()), now=at)


def run_the_runbook(provider: Provider, settings: Any) -> None:
    """Every line of its script."""
    text = Path("deploy/after-restore").read_text().replace("$SINCE", "7d")
    lines = [line for one in text.splitlines() if (line := shlex.split(one, comments=True))]
    assert [line[1] for line in lines if line[0] == "manage.py"].count("reconcile") == 2
    for first, *rest in lines:
        if first.startswith("SINCE="):
            continue
        if first == "export":
            [(name, value)] = [word.split("=") for word in rest]
            setattr(settings, name, value == "1")
        elif first == "sleep":
            provider.tell(advance=float(rest[0]))
        else:
            assert first == "manage.py"
            call_command(*rest)


# --- the runbook ----------------------------------------------------------------------------------


def test_what_was_refunded_since_the_backup_is_not_refunded_twice(
    provider: Provider, settings: Any, capsys: Any
) -> None:
    at = timezone.now()
    Heartbeat.objects.create(name="sweep", finished_at=at - DAY)
    parts = sold(provider, 6, at=at - DAY)
    [waits] = sold(provider, 1, at=at - DAY)
    give_back(waits, at=at - DAY)  # planned before the backup, sent after it
    with transaction.atomic():  # a day of life after the backup
        for booking in parts:
            give_back(booking, at=at - HOUR)
        drive_all(provider, at=at - HOUR)
        provider.tell(list_lag=300)
        [late] = sold(provider, 1, at=at - DAY)
        give_back(late, at=at - MINUTE)
        drive_all(provider, at=at)
        provider.tell(list_lag=0)
        late_ref = late.payment.provider_ref
        transaction.set_rollback(True)

    run_the_runbook(provider, settings)

    out = capsys.readouterr().out
    for booking in parts:
        assert f"{booking.code}: ₹800 of ₹2,400 went back without this site" in out
        assert Payment.objects.get(booking=booking).returned_external_minor == PART
    assert late_ref in out, "bought after the backup: named, because nobody here knows it"
    settings.REFUNDS_HOLD = False
    for booking in parts:
        with pytest.raises(TransitionNotAllowed) as refused:
            give_back(booking, at=at)
        assert refused.value.code == "went_back"
        assert "₹800 of this payment has gone back already" in refused.value.sentence
    for held in Refund.objects.exclude(hold_reason=""):
        refunds.release(held.pk, actor=staff(), now=at, reason="As the runbook says.")
    sweeps.run(now=at + MINUTE)
    drive_all(provider, at=at + HOUR)
    books = provider.server.books.summary()
    gone = [[line["amount_minor"] for line in book["refunds"]] for book in books.values()]
    assert gone == [[PART]] * 8
    assert Refund.objects.get().state == RefundState.SUCCEEDED, "found again under its own name"


@pytest.mark.parametrize("was", [PART, None])
def test_the_clock_pays_nothing_of_it_by_itself(
    provider: Provider, settings: Any, was: int | None
) -> None:
    """Reported before the backup; staff decided on a part, or all of it went back, and a restored
    database knows only that nobody has answered."""
    at = timezone.now()
    Heartbeat.objects.create(name="sweep", finished_at=at - DAY)
    [booking] = sold(provider, 1, at=at - DAY, paid_ago=6 * DAY)
    report(booking, now=at - 80 * HOUR)
    with transaction.atomic():
        give_back(booking, at=at - 20 * HOUR, part=was)
        drive_all(provider, at=at - 20 * HOUR)
        transaction.set_rollback(True)
    booking.refresh_from_db()
    assert booking.state == State.NO_SHOW_REPORTED

    run_the_runbook(provider, settings)
    settings.REFUNDS_HOLD = False
    for minutes in range(1, 4):
        sweeps.run(now=at + minutes * MINUTE)

    books = provider.server.books.summary()[booking.payment.provider_ref]
    assert [line["amount_minor"] for line in books["refunds"]] == [was or WHOLE]
    booking.refresh_from_db()
    assert booking.state == State.REFUNDED
    held = Refund.objects.exclude(hold_reason="")
    assert [(r.amount_minor, r.hold_reason) for r in held] == (
        [(WHOLE - PART, holds.LOST)] if was else []
    )
    for refund in held:  # a person finds that the follower gets all of it
        refunds.release(refund.pk, actor=staff(), now=at, reason="The whole, as promised.")
        drive_all(provider, at=at + HOUR)
        assert sorted(paid(provider, refund)) == [PART, WHOLE - PART]


def test_a_part_in_addition_is_paid_when_staff_says_so(
    provider: Provider, client: Client, staff: Any
) -> None:
    at = timezone.now()
    [booking] = sold(provider, 1, at=at)
    provider.tell(external_refund={"payment": booking.payment.provider_ref, "amount": PART})
    refunds.refetch(booking.payment.pk, now=at)
    asked = client.get(f"/admin/bookings/booking/act/refund/?ids={booking.pk}").content.decode()
    assert "A part is in addition to ₹800" in asked
    said = act(client, [booking], "refund", amount="800", reason="Again.")
    assert "₹800 of this payment has gone back already" in said
    assert not Refund.objects.exists()
    act(client, [booking], "refund", amount="800", in_addition="on", reason="On top of that.")
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.hold_reason) == (PART, "")
    drive_all(provider, at=at)
    assert paid(provider, refund) == [PART, PART]
    assert payment_of(refund).returned_external_minor == PART


# --- how reconcile asks ---------------------------------------------------------------------------


def refunded_elsewhere(provider: Provider, booking: Booking) -> None:
    provider.tell(external_refund={"payment": booking.payment.provider_ref, "amount": PART})


def test_more_than_a_page_of_them_is_found(provider: Provider, capsys: Any) -> None:
    at = timezone.now()
    sold_ones = sold(provider, 3, at=at)
    others = provider.tell(
        payments=[{"provider": provider.name, "amount": 5000, "currency": "INR"}] * 130
    )["payments"]
    for ref in others[:65]:
        provider.tell(external_refund={"payment": ref, "amount": 100})
    for booking in sold_ones:
        refunded_elsewhere(provider, booking)
    for ref in others[65:]:
        provider.tell(external_refund={"payment": ref, "amount": 100})
    call_command("reconcile", since="1d")
    out = capsys.readouterr().out
    assert "3 payments compared, 3 rows changed, 0 failed." in out
    assert "130 more refunds are of payments that are not of this site." in out
    assert set(Payment.objects.values_list("returned_external_minor", flat=True)) == {PART}


def test_a_run_that_was_stopped_is_gone_on_with(provider: Provider, capsys: Any) -> None:
    at = timezone.now()
    sold_ones = sold(provider, 4, at=at)
    for booking in sold_ones:
        refunded_elsewhere(provider, booking)
    with pytest.raises(CommandError, match="--resume goes on"):
        call_command("reconcile", since="1d", minutes=1e-9)
    assert reconcile.unfinished() is not None
    done = sold_ones[0].payment
    refunds.refetch(done.pk, now=timezone.now())
    capsys.readouterr()
    call_command("reconcile", since="9d", resume=True)
    out = capsys.readouterr().out
    assert "3 payments compared, 3 rows changed, 0 failed." in out, "not the first one again"
    assert reconcile.unfinished() is None


@pytest.mark.parametrize("kind", ["lost", "gateway", "garbled", "empty", "limit"])
def test_a_provider_that_does_not_answer_is_no_empty_list(
    provider: Provider, capsys: Any, kind: str
) -> None:
    [booking] = sold(provider, 1, at=timezone.now())
    refunded_elsewhere(provider, booking)
    provider.fault(kind, match="^GET /v1/refunds$")
    with pytest.raises(CommandError, match="Not everything could be compared"):
        call_command("reconcile", since="1h")
    assert "could not be asked for its refunds since" in capsys.readouterr().out
    call_command("reconcile", resume=True)
    assert Payment.objects.get().returned_external_minor == PART


def test_one_payment_that_cannot_be_compared_does_not_keep_the_others(
    server: Any, settings: Any, capsys: Any
) -> None:
    razorpay = connect(server, "razorpay", settings)
    sold_ones = sold(razorpay, 3, at=timezone.now())
    for booking in sold_ones:
        refunded_elsewhere(razorpay, booking)
    ref = sold_ones[0].payment.provider_ref
    razorpay.fault("gateway", match=f"^GET /v1/payments/{ref}/refunds$")
    with pytest.raises(CommandError):
        call_command("reconcile", since="1h")
    assert "2 payments compared, 2 rows changed, 1 failed." in capsys.readouterr().out
    call_command("reconcile", resume=True)
    assert "1 payments compared, 1 rows changed, 0 failed." in capsys.readouterr().out
    assert set(Payment.objects.values_list("returned_external_minor", flat=True)) == {PART}


def test_it_looks_back_to_the_last_sweep_the_database_knows(
    provider: Provider, capsys: Any
) -> None:
    """Whoever restores an older backup than they think must not stop at seven days."""
    at = timezone.now()
    [booking] = sold(provider, 1, at=at)
    provider.tell(advance=-9 * DAY.total_seconds())
    refunded_elsewhere(provider, booking)
    provider.tell(advance=9 * DAY.total_seconds())
    Heartbeat.objects.create(name="sweep", finished_at=at - 10 * DAY)
    call_command("reconcile", since="7d")
    assert "The last sweep this database knows of was" in capsys.readouterr().out
    assert Payment.objects.get().returned_external_minor == PART


@pytest.mark.parametrize("form", ["charge", "other"])
def test_a_payment_is_known_by_each_of_its_names(server: Any, settings: Any, form: str) -> None:
    """At Stripe a payment may be kept by its charge, whatever that begins with."""
    stripe = connect(server, "stripe", settings)
    ref = stripe.pay(WHOLE, "INR", **({} if form == "charge" else {"id": "py_1AbcDef"}))
    names = names_of(ref)
    booking = make_booking(
        now=timezone.now(), provider="stripe", payment_ref=names["charge"] or ref
    )
    stripe.tell(external_refund={"payment": ref, "amount": PART})
    Payment.objects.update(paid_at=timezone.now() - OLD)
    call_command("reconcile", since="1h")
    assert Payment.objects.get(booking=booking).returned_external_minor == PART
