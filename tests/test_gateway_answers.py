"""What each gateway makes of what the provider says and lists; the same for both."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.gateways import Doubt, Status
from tests.provider.running import Provider, find, moment, send, status
from tests.provider.server import StandIn

DAY = 24 * 3600


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn) -> Provider:
    provider = Provider(server, request.param)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def test_m12_money_that_comes_back_days_later_is_reversed(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("late_failure", seconds=5 * DAY)
    send(gateway, request)
    provider.tell(advance=DAY)
    assert status(gateway, request) == Status.SUCCEEDED
    provider.tell(advance=5 * DAY)
    assert status(gateway, request) == Status.REVERSED


def test_m13_ten_days_pending_is_still_accepted(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("pending", seconds=20 * DAY)
    send(gateway, request)
    provider.tell(advance=10 * DAY)
    assert status(gateway, request) == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


def test_m14_a_refund_that_fails_at_once_is_declined(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("declined")
    assert send(gateway, request).status == Status.DECLINED


def test_m14_refunded_elsewhere_is_declined(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.tell(external_refund={"payment": request.payment_ref})
    answer = send(gateway, request)
    assert answer.status == Status.DECLINED
    assert "Already refunded elsewhere" in answer.message
    assert [line["is_external"] for line in provider.paid(request)] == [True]


def test_m14_less_left_than_asked_is_declined(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request(amount=3000)
    provider.tell(external_refund={"payment": request.payment_ref, "amount": 2001})
    answer = send(gateway, request)
    assert answer.status == Status.DECLINED
    assert "Already refunded elsewhere" in answer.message


def test_m14_never_captured_is_declined(provider: Provider) -> None:
    gateway = provider.gateway()
    answer = send(gateway, provider.request(provider.pay(captured=False)))
    assert answer.status == Status.DECLINED
    assert "never captured" in answer.message


def test_m14_refunded_by_whom_no_list_shows_yet_is_no_refusal(provider: Provider) -> None:
    """Nothing is left of the payment; it is ours that has it, under an older key."""
    gateway, request = provider.gateway(), provider.request(amount=5000)
    provider.tell(list_lag=600)
    assert send(gateway, request).status == Status.ACCEPTED
    again = provider.request(request.payment_ref, 5000, refund_uuid=request.refund_uuid, epoch=2)
    for answer in (find(gateway, again), send(gateway, again)):
        assert answer is not None
        assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NONE)
        assert "behind" in answer.message
    provider.tell(advance=601)
    assert send(gateway, again).status == Status.SUCCEEDED
    assert len(provider.paid(request)) == 1


def test_where_the_payment_cannot_be_read_the_list_alone_is_believed(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("gateway", match="^GET /v1/(payment_intents|payments)/[^/]+$")
    assert find(gateway, request) is None


def test_a_refusal_that_nothing_explains_is_unknown(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("refuse", status=400, code="something_new")
    answer = send(gateway, request)
    assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.REFUSED)
    assert answer.message


def test_a_refusal_that_the_key_keeps_says_so_when_it_is_repeated(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("refuse_kept", status=400, code="balance_insufficient")
    doubts = [send(gateway, request).doubt for _ in range(3)]
    assert doubts == [Doubt.REFUSED, Doubt.REFUSED_FOR_GOOD, Doubt.REFUSED_FOR_GOOD]
    moved = provider.request(request.payment_ref, refund_uuid=request.refund_uuid, epoch=2)
    assert send(gateway, moved).status == Status.ACCEPTED


def test_m20_a_payment_nobody_knows_is_told_from_all_other_trouble(provider: Provider) -> None:
    gateway = provider.gateway()
    gone = provider.request("pi_gone" if provider.name == "stripe" else "pay_gone")
    for answer in (send(gateway, gone), find(gateway, gone)):
        assert answer is not None
        assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NO_SUCH_PAYMENT)
        assert "does not know this payment" in answer.message
    known = provider.request()
    for status_, code in ((404, ""), (403, "resource_missing"), (401, ""), (500, "")):
        provider.fault("refuse", status=status_, code=code, match=".*", calls=2)
        answer = send(gateway, known)
        assert (answer.status, answer.doubt == Doubt.NO_SUCH_PAYMENT) == (Status.UNKNOWN, False)
        provider.tell(faults=[])


def test_what_failed_is_not_counted_as_returned(provider: Provider) -> None:
    """Or a refusal that nothing explains would be taken for: already refunded elsewhere."""
    gateway, failed = provider.gateway(), provider.request(amount=4000)
    provider.fault("declined")
    send(gateway, failed)
    provider.fault("refuse", status=400, code="something_new")
    assert send(gateway, provider.request(failed.payment_ref)).status == Status.UNKNOWN


def test_a_refusal_of_what_was_paid_before_adopts_it(provider: Provider) -> None:
    """The key is forgotten after a day; the whole amount is ours already."""
    gateway, request = provider.gateway(), provider.request(amount=5000)
    first = send(gateway, request)
    provider.tell(advance=2 * DAY)
    again = send(gateway, request)
    assert (again.status, again.provider_refund_id) == (Status.SUCCEEDED, first.provider_refund_id)
    assert len(provider.paid(request)) == 1


def test_equal_partial_refunds_are_told_apart(provider: Provider) -> None:
    gateway, payment = provider.gateway(), provider.pay(5000)
    requests = [provider.request(payment, 2000) for _ in range(2)]
    ids = [send(gateway, request).provider_refund_id for request in requests]
    assert len(set(ids)) == 2
    assert [find(gateway, one).provider_refund_id for one in requests] == ids  # type: ignore[union-attr]
    assert send(gateway, provider.request(payment, 2000)).status == Status.DECLINED


def test_a_retry_after_a_failure_does_not_find_the_failed_try(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("declined")
    send(gateway, request)
    retried = provider.request(request.payment_ref, refund_uuid=request.refund_uuid, epoch=2)
    assert find(gateway, retried) is None
    assert send(gateway, retried).status == Status.ACCEPTED
    assert find(gateway, request) is not None


def test_a_retry_finds_an_older_try_that_pays_after_all(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    first = send(gateway, request)
    retried = provider.request(request.payment_ref, refund_uuid=request.refund_uuid, epoch=2)
    found = find(gateway, retried)
    assert found is not None
    assert found.provider_refund_id == first.provider_refund_id


def test_the_same_key_with_another_amount_is_unknown(provider: Provider) -> None:
    """M18: nothing is declined, nothing is paid; the list shows what is wrong."""
    gateway, request = provider.gateway(), provider.request()
    send(gateway, request)
    changed = provider.request(
        request.payment_ref, 1500, refund_uuid=request.refund_uuid, currency="EUR"
    )
    assert send(gateway, changed).status == Status.UNKNOWN
    found = find(gateway, changed)
    assert found is not None
    assert found.status == Status.UNKNOWN
    assert len(provider.paid(request)) == 1


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 500), ("KWD", 12345), ("INR", 100)])
def test_m17_minor_units_pass_unchanged(provider: Provider, currency: str, amount: int) -> None:
    gateway = provider.gateway()
    request = provider.request(provider.pay(50_000, currency), amount, currency=currency)
    assert send(gateway, request).status == Status.ACCEPTED
    assert provider.paid(request)[0]["amount_minor"] == amount
    [entry] = gateway.list_refunds(request.payment_ref, now=moment())
    assert (entry.amount_minor, entry.currency) == (amount, currency)


WRONG_KEYS = {"stripe": {"secret_key": "sk_test_old"}, "razorpay": {"key_secret": "old"}}


def test_m20_wrong_keys_are_never_a_refusal(provider: Provider) -> None:
    request = provider.request()
    gateway = provider.gateway(**WRONG_KEYS[provider.name])
    answer = send(gateway, request)
    assert answer.status == Status.UNKNOWN
    assert "is wrong" in answer.message
    assert status(gateway, request) == Status.UNKNOWN
    assert provider.paid(request) == []


def test_m20_a_key_without_the_right_is_never_a_refusal(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("refuse", status=403, code="not_allowed")
    answer = send(gateway, request)
    assert answer.status == Status.UNKNOWN
    assert "may not refund" in answer.message


def test_m20_a_payment_of_another_account_is_never_a_refusal(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request("pi_of_somebody_else")
    assert send(gateway, request).status == Status.UNKNOWN
    assert status(gateway, request) == Status.UNKNOWN


def test_the_whole_list_is_read(provider: Provider) -> None:
    gateway, payment = provider.gateway(read_seconds=5), provider.pay(1_000_000)
    request = provider.request(payment)
    send(gateway, request)
    for _ in range(230):  # newest first: ours ends on the third page
        provider.server.books.refund(
            provider.server.books.store.all("payment")[payment], 1, is_external=True
        )
    listed = gateway.list_refunds(payment, now=moment())
    assert len({entry.provider_refund_id for entry in listed}) == 231
    assert [bool(entry.refund_uuid) for entry in listed].count(True) == 1
    assert status(gateway, request) == Status.ACCEPTED


@pytest.mark.parametrize("ref", ["..", "../orders?x=1#", "a/b", "ö", "a\r\nX: y", " "])
def test_a_payment_reference_cannot_leave_its_place_in_the_address(
    provider: Provider, ref: str
) -> None:
    assert send(provider.gateway(), provider.request(ref)).status == Status.UNKNOWN
    with pytest.raises(Exception, match=r".*"):
        provider.gateway().list_refunds(ref, now=moment())


def test_a_netrc_does_not_replace_our_keys(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert send(provider.gateway(), provider.request()).status == Status.ACCEPTED
