"""Somebody is found by an address, a call by its reference: by an index, however many there are."""

from __future__ import annotations

import pytest

from bookings import imports
from bookings.checkouts import settling
from bookings.gateways import Paid
from bookings.imports.lines import Call, understand
from bookings.models import Booking, Expert, Follower
from tests.builders import NOW, make_booking, make_expert, make_follower
from tests.plans import statements, whole_reads
from tests.shoppers import make_checkout
from tests.test_import_bookings import LINE
from tests.test_plans import plan

pytestmark = pytest.mark.django_db


def test_an_address_is_found_in_any_case_by_its_index() -> None:
    lena = make_follower(email="Lena@Example.com")
    priya, other = make_follower(email="priya@example.com"), make_follower()
    assert Follower.objects.with_address("lena@example.COM").get() == lena
    assert set(Follower.objects.with_address("LENA@example.com", priya.email)) == {lena, priya}
    assert not whole_reads(lambda: list(Follower.objects.with_address(lena.email)))
    assert not whole_reads(lambda: list(Follower.objects.with_address(lena.email, other.email)))


def test_an_expert_is_found_by_the_address_they_sign_in_with() -> None:
    maya = make_expert(email="maya@example.com")
    make_expert()
    assert Expert.objects.with_address("Maya@Example.com").get() == maya


@pytest.mark.parametrize("is_known", [True, False])
def test_settling_a_purchase_reads_no_table_as_a_whole(is_known: bool) -> None:
    """The expert's row is locked meanwhile."""
    checkout = make_checkout(email="Lena@example.com")
    if is_known:
        make_follower(email="lena@example.com")
    paid = Paid("pi_1", checkout.price_minor, checkout.currency, "Visa", NOW)
    assert not whole_reads(lambda: settling.settle(checkout, paid, now=NOW))
    assert Follower.objects.with_address("lena@example.com").count() == 1


def calls(count: int, *, provider: str = "stripe") -> list[Call]:
    """As many lines of a file."""
    found = []
    for n in range(count):
        ref = f"pi_{n}Nq7RsT8uV9wXyZ" if provider == "stripe" else f"pay_{n:014d}"
        own = {"external_ref": f"order-{n}", "payment_ref": ref, "provider": provider}
        call, problems = understand(n, {**LINE, **own}, now=NOW)
        assert call, problems
        found.append(call)
    return found


@pytest.mark.parametrize("count", [3, 150])
def test_references_of_a_file_are_looked_up_one_by_one(maya: Expert, count: int) -> None:
    """Not among all bookings of the expert; of more than a hundred PostgreSQL does not see by
    itself that none is empty."""
    booking = make_booking(maya)
    Booking.objects.filter(pk=booking.pk).update(external_ref="order-1")
    wanted, experts = calls(count), {maya.user.email: maya}
    assert imports.references_used(wanted, experts) == {(maya.pk, "order-1"): booking.created_at}
    for sql, params in statements(lambda: imports.references_used(wanted, experts)):
        found = plan(sql, params, index="booking_external_ref_once")
        assert "booking_external_ref_once" in found, found


@pytest.mark.parametrize("count", [3, 150])
def test_payments_of_a_file_are_looked_up_one_by_one(maya: Expert, count: int) -> None:
    both = calls(count) + calls(2, provider="razorpay")
    stripe = make_booking(maya, provider="stripe", payment_ref="pi_1Nq7RsT8uV9wXyZ")
    make_booking(
        provider="razorpay", payment_ref="pay_00000000000002"
    )  # a line has it, of another provider
    assert not whole_reads(lambda: imports.payments_used(both))
    assert imports.payments_used(both) == {("stripe", "pi_1Nq7RsT8uV9wXyZ"): stripe.code}
