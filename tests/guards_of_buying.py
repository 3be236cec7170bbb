"""Guards of webhooks and of buying, for tests/guards.py: fault, what it says, where, the code,
what is put in its place, and the test that must fail then."""

from __future__ import annotations

_VERIFY = "bookings/gateways/webhooks.py"
_INBOX = "bookings/provider_events.py"
_SELL = "bookings/checkouts/settling.py"
_HOOKS = "tests/test_webhooks.py"
_RACES = "tests/test_checkout_races.py"

BUYING: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "M17", "No order in a currency that Stripe counts in other units",
        "bookings/gateways/stripe.py",
        "if refused := why_not(Provider.STRIPE, order.amount_minor, order.currency):",
        'if refused := "":',
        "tests/test_currencies.py::test_of_5000_on_the_page_every_order_asks_5000_or_nothing",
    ),
    (
        "M17", "nor in one that Razorpay does",
        "bookings/gateways/razorpay.py",
        "if refused := why_not(Provider.RAZORPAY, order.amount_minor, order.currency):",
        'if refused := "":',
        "tests/test_currencies.py::test_of_5000_on_the_page_every_order_asks_5000_or_nothing",
    ),
    (
        "M17", "nor a price in one put on sale",
        "bookings/forms/shop.py",
        "if refusals and all(refusals):",
        "if False:",
        "tests/test_currencies.py"
        "::test_a_price_that_no_provider_takes_is_refused_when_it_is_written",
    ),
    (
        "W01", "Only what one of the secrets has signed is taken",
        _VERIFY,
        '    raise BadSignature("no signature fits")',
        "    return",
        f"{_HOOKS}::test_w01_forged_unsigned_and_tampered_leave_nothing",
    ),
    (
        "W01", "Stripe's stamp is at most 300 seconds old",
        _VERIFY,
        "TOLERANCE_SECONDS = 300",
        "TOLERANCE_SECONDS = 10**12",
        f"{_HOOKS}::test_w01_an_old_stamp_is_refused",
    ),
    (
        "W01", "One row for one body: Razorpay does not sign the id",
        _INBOX,
        "digest = hashlib.sha256(body).hexdigest()",
        "digest = hashlib.sha256(body + str(event_id).encode()).hexdigest()",
        f"{_HOOKS}::test_w01_a_replay_under_another_id_is_known_by_its_body",
    ),
    (
        "W01", "One row for one id",
        _INBOX,
        "event_id=printable(event_id) or digest",
        "event_id=digest",
        f"{_HOOKS}::test_w01_another_body_under_the_same_id_is_known_by_its_id",
    ),
    (
        "W02", "Every exception while verifying is a refusal",
        _VERIFY,
        "except Exception as error:  # whatever",
        "except BadSignature as error:  # whatever",
        "tests/test_webhook_signatures.py::test_w02_headers_of_every_kind_are_one_refusal",
    ),
    (
        "W02", "and so is one while reading",
        "bookings/views/webhooks.py",
        "except Exception as error:  # fails closed",
        "except webhooks.BadSignature as error:  # fails closed",
        f"{_HOOKS}::test_w02_a_request_that_cannot_be_read_is_400",
    ),
    (
        "W02", "At most 256 KB are read",
        _VERIFY,
        "MOST_BYTES = 256 * 1024",
        "MOST_BYTES = 2**30",
        f"{_HOOKS}::test_w02_too_large_is_413_and_not_read",
    ),
    (
        "W02", "POST only",
        "bookings/views/webhooks.py",
        "@require_POST\ndef stripe",
        "def stripe",
        f"{_HOOKS}::test_w02_other_methods_are_405",
    ),
    (
        "W03", "Events of another mode or account are ignored",
        _INBOX,
        '    if provider != Provider.STRIPE:\n        return ""',
        '    return ""',
        f"{_HOOKS}::test_w03_another_mode_or_account_is_ignored_and_logged",
    ),
    (
        "W03", "An event concerns rows of its own provider only",
        _INBOX,
        "Payment.objects.filter(provider=row.provider, provider_ref__in",
        "Payment.objects.filter(provider_ref__in",
        f"{_HOOKS}::test_w03_what_is_of_another_tenant_changes_nothing",
    ),
    (
        "W04", "The database is asked nothing before the signature fits",
        "bookings/views/webhooks.py",
        "    try:\n        body = _body(request)",
        "    provider_events.ProviderEvent.objects.count()\n    try:\n        body = _body(request)",
        f"{_HOOKS}::test_w04_a_flood_leaves_no_rows_and_asks_the_database_nothing",
    ),
    (
        "W04", "The inbox is bounded",
        _INBOX,
        "filter(pk__in=old.ids(FORGET_AT_MOST)).delete()",
        "filter(pk__in=old.none().ids(FORGET_AT_MOST)).delete()",
        f"{_HOOKS}::test_w04_the_inbox_is_bounded",
    ),
    (
        "W05", "There is no tracking webhook of the mail service",
        "bookings/urls.py",
        "urlpatterns: list[URLPattern] = [",
        "from django.urls import include, path\n"
        'urlpatterns = [\n    path("anymail/", include("anymail.urls")),',
        f"{_HOOKS}::test_w05_there_is_no_mail_webhook_without_a_secret",
    ),
    (
        "M10", "What an event names is fetched again, whatever the event says",
        _INBOX,
        "        refunds.refetch(payment.pk, now=now)",
        "        pass",
        "tests/test_webhook_order.py::test_m10_order_duplicates_and_delay_make_no_difference",
    ),
    (
        "M10", "One event is worked on by one at a time",
        _INBOX,
        "if not mine.update(attempts=row.attempts + 1, next_attempt_at=now + LEASE):",
        "mine.update(attempts=row.attempts + 1)\n    if False:",
        f"{_HOOKS}::test_one_event_is_worked_on_by_one_at_a_time",
    ),
    (
        "M11", "Purchases are asked about without any webhook",
        "bookings/sweeps.py",
        "tasks.poll_all(Checkout.objects.to_ask_about(now).ids(AT_MOST), now=now)",
        "0",
        "tests/test_checkout.py::test_booked_paid_refunded_and_seen_as_refunded",
    ),
    (
        "buying", "A payment makes one booking",
        _SELL,
        "        if known.exists():\n            return None\n",
        "",
        f"{_RACES}::test_however_often_and_by_whomever_it_is_asked_there_is_one_booking",
    ),
    (
        "buying", "Money for a time that is gone goes back",
        _SELL,
        "        return _send_back(checkout, paid, now=now)",
        "        return None",
        f"{_RACES}::test_paid_for_a_time_that_somebody_else_got_goes_back_in_full",
    ),
    (
        "buying", "Another amount than agreed goes back",
        _SELL,
        "(paid.amount_minor, paid.currency) != (checkout.price_minor, checkout.currency)",
        "False",
        f"{_RACES}::test_an_amount_that_was_not_agreed_goes_back",
    ),
    (
        "buying", "A time is kept while somebody pays",
        "bookings/slots.py",
        "        *_held(expert, earliest, latest, now=now),\n",
        "",
        f"{_RACES}::test_a_time_is_kept_while_somebody_pays_and_free_again_afterwards",
    ),
    (
        "buying", "A kept time is not given to who let it go",
        _SELL,
        "holds_its_time or not slots.is_kept_for_another(checkout, now=now)",
        "True",
        "tests/test_checkout_kept_times.py"
        "::test_a_time_kept_for_somebody_is_not_given_to_who_let_it_go",
    ),
    (
        "buying", "What is only authorised is captured",
        "bookings/gateways/razorpay.py",
        'if payment["status"] != "authorized":',
        "if True:",
        f"{_RACES}::test_payments_that_are_only_authorised_are_captured",
    ),
    (
        "buying", "The same form is one purchase",
        "bookings/checkouts/__init__.py",
        "if before is not None and wanted.is_of(before):",
        "if False:",
        f"{_RACES}::test_the_same_form_twice_is_one_purchase",
    ),
    (
        "buying", "and with something else in it, what was sent last counts",
        "bookings/checkouts/__init__.py",
        "if before is not None and wanted.is_of(before):",
        "if before is not None:",
        "tests/test_checkout_sent_again.py::test_the_second_time_and_address_count",
    ),
    (
        "buying", "A buyer is shown what they wrote, nothing that is kept of the address",
        _SELL,
        "        buyer=intake.BuyerFacts(checkout.name, checkout.time_zone, checkout.clock),\n",
        "",
        "tests/test_buyers_of_bookings.py::test_page_mail_and_file_show_what_this_buyer_wrote",
    ),
    (
        "buying", "Who wrote an address that staff has changed since gets no link to its page",
        "bookings/presenters/buying.py",
        "if addresses.identity(booking.follower.email) != addresses.identity(checkout.email):",
        "if False:",
        "tests/test_checkout_again.py"
        "::test_an_address_that_staff_has_changed_takes_the_link_along",
    ),
)  # fmt: skip
