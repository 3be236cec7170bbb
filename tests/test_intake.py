"""How a booking comes into being: three rows or none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from bookings import intake
from bookings.models import Booking, Expert, Payment, TimelineEvent
from tests.builders import DAY, HOUR, NOW, make_booking, make_expert, make_follower, make_service

pytestmark = pytest.mark.django_db


def drafted(expert: Expert, *, payment_ref: str, days: int) -> intake.NewBooking:
    starts_at = NOW + days * DAY
    return intake.draft(
        expert=expert,
        follower=make_follower(),
        service=make_service(expert),
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
        now=NOW,
        price_minor=240000,
        currency="INR",
        payment=intake.PaymentFacts(provider="sandbox", provider_ref=payment_ref, paid_at=NOW),
        external_ref=f"order-{days}",
    )


def test_a_refused_payment_leaves_no_booking() -> None:
    expert = make_expert()
    make_booking(expert, payment_ref="pi_1")
    before = Booking.objects.count(), TimelineEvent.objects.count()

    with pytest.raises(IntegrityError):
        intake.save([drafted(expert, payment_ref="pi_1", days=2)])

    assert (Booking.objects.count(), TimelineEvent.objects.count()) == before


def test_drafts_can_be_saved_again_after_a_refusal_although_keys_were_taken_meanwhile() -> None:
    expert = make_expert()
    make_booking(expert, payment_ref="pi_1")
    good, bad = (
        drafted(expert, payment_ref="pi_2", days=2),
        drafted(expert, payment_ref="pi_1", days=3),
    )
    with pytest.raises(IntegrityError):
        intake.save([good, bad])
    other = make_booking(expert, starts_at=NOW + 9 * DAY)

    intake.save([good])

    payment = Payment.objects.get(provider_ref="pi_2")
    assert payment.booking.external_ref == "order-2"
    assert payment.booking != other
    assert [event.verb for event in payment.booking.events.all()] == ["booked"]
    assert other.events.count() == 1


def test_the_expert_is_busy_until_the_buffer_is_over() -> None:
    booking = drafted(make_expert(buffer_minutes=20), payment_ref="pi_1", days=1).booking

    assert booking.busy_until - booking.ends_at == timedelta(minutes=20)


def test_a_free_call_has_no_payment_whatever_is_said_about_it() -> None:
    assert Payment.objects.filter(booking=make_booking(price_minor=0)).exists() is False


def test_a_code_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many bookings some draw the code of another one; nobody may notice."""
    taken = make_booking().code
    drawn = iter(["TM-NEWAAAA", taken, "TM-NEWBBBB", "TM-NEWCCCC"])
    monkeypatch.setattr(intake, "new_code", lambda: next(drawn))
    drafts = [drafted(make_expert(), payment_ref=f"pi_{n}", days=n) for n in (2, 3)]
    drafts[1].booking.code = taken

    intake.save(drafts)  # refused, again refused, then taken: two codes for each try

    codes = set(Booking.objects.values_list("code", flat=True))
    assert len(codes) == 3
    for new in drafts:
        new.booking.refresh_from_db()
        assert new.payment is not None
        assert new.payment.booking == new.booking
        assert [event.verb for event in new.booking.events.all()] == ["booked"]


def test_a_code_is_not_drawn_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = make_booking().code
    monkeypatch.setattr(intake, "new_code", lambda: taken)
    draft = drafted(make_expert(), payment_ref="pi_2", days=2)
    draft.booking.code = taken
    with pytest.raises(IntegrityError, match="code"):
        intake.save([draft])
    assert Payment.objects.filter(provider_ref="pi_2").count() == 0
