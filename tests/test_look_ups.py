"""Somebody is found by an address, a call by its reference: by an index, however many there are."""

from __future__ import annotations

import pytest

from bookings.checkouts import settling
from bookings.gateways import Paid
from bookings.models import Expert, Follower
from tests.builders import NOW, make_expert, make_follower
from tests.plans import whole_reads
from tests.shoppers import make_checkout

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
