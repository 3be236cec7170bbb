"""import_bookings: every line stands alone, and what is refused is refused with its reason."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from bookings import imports, links
from bookings.imports import file
from bookings.models import Booking, Expert, Follower, Payment, Service, TimelineEvent
from bookings.states import State
from tests.builders import make_booking, make_expert
from tests.effort import effort

pytestmark = pytest.mark.django_db
PAID = "2026-01-05T10:00Z"
LINE = {
    "external_ref": "order-1",
    "expert_email": "maya@example.com",
    "follower_name": "Priya Nair",
    "follower_email": "priya@example.com",
    "follower_time_zone": "Asia/Kolkata",
    "service_title": "Portfolio review",
    "duration_minutes": "30",
    "starts_at": "2026-01-20T18:00+05:30",
    "time_zone": "",
    "price": "2400",
    "currency": "INR",
    "provider": "stripe",
    "payment_ref": "pi_1",
    "payment_method": "Visa ending 4242",
    "paid_at": PAID,
    "state": "",
    "place": "Zoom",
}


@pytest.fixture
def maya() -> Expert:
    return make_expert(email="maya@example.com", buffer_minutes=10)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*changes: dict[str, str], columns: list[str] | None = None) -> Path:
        path = tmp_path / "calls.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns or list(LINE), extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**LINE, **change} for change in changes)
        return path

    return write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Exit status and all that was printed."""

    def run(path: Path, *options: str) -> tuple[int, str]:
        try:
            call_command("import_bookings", str(path), *options)
        except CommandError as error:
            return error.returncode, capsys.readouterr().out + str(error)
        return 0, capsys.readouterr().out

    return run


def test_a_line_becomes_a_booking_with_its_payment_and_history(maya, write, run) -> None:
    status, out = run(write({}))

    assert (status, out.strip()) == (0, "1 lines read: 1 imported, 0 already there, 0 refused.")
    booking = Booking.objects.get()
    assert booking.starts_at == datetime(2026, 1, 20, 12, 30, tzinfo=UTC)
    assert booking.duration_minutes == 30
    assert booking.busy_until == booking.ends_at + timedelta(minutes=10)
    assert (booking.state, booking.external_ref, booking.place) == ("scheduled", "order-1", "Zoom")
    assert booking.next_reminder_at is None  # nobody is asked about a call of long ago
    assert booking.limits.no_show_window == timedelta(hours=72)
    assert booking.follower.time_zone == "Asia/Kolkata"
    assert (booking.payment.provider, booking.payment.captured_minor) == ("stripe", 240000)
    assert booking.payment.method == "Visa ending 4242"
    assert [event.verb for event in booking.events.all()] == ["booked"]


def test_a_call_to_come_is_asked_about_when_it_is_over(maya, write, run) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    run(write({"starts_at": start.isoformat()}))

    booking = Booking.objects.get()
    assert booking.next_reminder_at == booking.ends_at


def test_a_long_file_with_a_bad_line_in_each_hundred(maya, write, run, tmp_path) -> None:
    count = effort(1500)
    good, refused = count * 99 // 100, count // 100
    bad = [
        {"price": "-5"}, {"currency": "ZZZ"}, {"starts_at": "tomorrow"}, {"expert_email": "x"},
        {"follower_email": "nobody"}, {"duration_minutes": "4"}, {"external_ref": ""},
        {"expert_email": "who@example.com"}, {"starts_at": "2010-01-01T00:10Z"}, {"state": "lost"},
    ]  # fmt: skip
    first = datetime(2010, 1, 1, tzinfo=UTC)
    lines = [
        {
            "external_ref": f"order-{number}",
            "payment_ref": f"pi_{number}",
            "follower_email": f"follower{number % 700}@example.com",
            "starts_at": (first + number * timedelta(hours=1)).isoformat(),
            **(bad[number // 100 % 10] if number % 100 == 50 else {}),
        }
        for number in range(count)
    ]
    path, refusals = write(*lines), tmp_path / "refused.csv"

    status, out = run(path, "--report", str(refusals))

    assert status == 1
    assert f"{count:,} lines read: {good:,} imported, 0 already there, {refused} refused." in out
    assert Booking.objects.count() == Payment.objects.count() == good
    assert TimelineEvent.objects.count() == good
    with refusals.open(encoding="utf-8-sig") as file:
        named = [int(row["line"]) for row in csv.DictReader(file)]
    assert named == [number + 2 for number in range(50, count, 100)]
    assert not Service.objects.filter(bookings__isnull=True).exists()

    status, out = run(path)

    assert f"0 imported, {good:,} already there, {refused} refused." in out
    assert Booking.objects.count() == good


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"external_ref": ""}, "external_ref", "empty"),
        ({"external_ref": "x" * 101}, "external_ref", "longer than 100"),
        ({"expert_email": "nobody@example.com"}, "expert_email", "No expert signs in"),
        ({"follower_name": "x" * 81}, "follower_name", "longer than 80"),
        ({"follower_name": "Pri\x00ya"}, "follower_name", "control character"),
        ({"follower_name": "Priya\nNair"}, "follower_name", "control character"),
        ({"follower_email": "priya"}, "follower_email", "not an e-mail address"),
        ({"follower_email": "a@b.example\nBcc: c@d.example"}, "follower_email", "control"),
        ({"follower_time_zone": "India"}, "follower_time_zone", "not a time zone"),
        ({"duration_minutes": "30.5"}, "duration_minutes", "whole number"),
        ({"duration_minutes": "٣٠"}, "duration_minutes", "whole number"),
        ({"duration_minutes": "481"}, "duration_minutes", "5 to 480"),
        ({"starts_at": "20/01/2026 18:00"}, "starts_at", "written like"),
        ({"starts_at": "2026-01-20"}, "starts_at", "written like"),
        ({"starts_at": "2026-02-30T18:00Z"}, "starts_at", "written like"),
        ({"starts_at": "2026-01-20T18:00"}, "starts_at", "time_zone is empty"),
        ({"starts_at": "0001-01-01T00:00+14:00"}, "starts_at", "three years from now"),
        ({"starts_at": "9999-12-31T23:59-12:00"}, "starts_at", "three years from now"),
        ({"starts_at": "1999-12-31T18:00Z"}, "starts_at", "year 2000"),
        ({"price": "1e3"}, "price", "plain number"),
        ({"price": "2,400"}, "price", "plain number"),
        ({"price": "NaN"}, "price", "plain number"),
        ({"price": "10.005"}, "price", "at most 2 decimals"),
        ({"price": "10.5", "currency": "JPY"}, "price", "no decimals"),
        ({"currency": "EURO"}, "currency", "not a currency"),
        ({"provider": "paypal"}, "provider", "one of sandbox, stripe"),
        ({"payment_ref": ""}, "payment_ref", "stripe needs it"),
        ({"paid_at": ""}, "paid_at", "was paid"),
        ({"paid_at": "2999-01-01T00:00Z"}, "paid_at", "and now"),
        ({"state": "contested"}, "state", "one of scheduled"),
        ({"place": "x" * 301}, "place", "longer than 300"),
    ],
)
def test_a_bad_value_is_refused_with_its_column_and_reason(
    maya, write, run, change, column, reason
) -> None:
    status, out = run(write(change))

    assert status == 1
    assert f"Line 2, {column}: " in out
    assert reason in out
    assert not Booking.objects.exists()
    assert not Follower.objects.exists()


WRONG_REFERENCES = {
    "stripe": [
        "cs_test_a1", "in_1Xy", "Visa 4242", "pi_1_secret_abc", "src_1Xy", "pm_1Xy", "re_1Xy",
        "https://dashboard.stripe.com/payments/pi_3", "pi_", "pi_1 2", "PI_1", "pay_1", "pi_1,",
        "pi_１", "xpi_1", "acct_1/pi_1",
    ],
    "razorpay": ["pay Nx", "order_1", "rfnd_1", "pay_", "pi_1", "pay_1/refund", "plink_1", "Pay_1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "ref"), [(name, ref) for name, refs in WRONG_REFERENCES.items() for ref in refs]
)
def test_a_reference_by_which_nobody_can_refund_is_refused(maya, write, run, provider, ref) -> None:
    path = write({}, {"external_ref": "order-2", "provider": provider, "payment_ref": ref})
    for options in (["--dry-run"], []):
        status, out = run(path, *options)
        assert status == 1
        assert f"Line 3, payment_ref: {provider.title()} cannot refund by this." in out
        looks_like = "pay_ followed" if provider == "razorpay" else "pi_, ch_ or py_ followed"
        assert looks_like in out
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("provider", "ref"),
    [
        ("stripe", "py_1Abc"), ("stripe", "ch_1Abc"), ("stripe", "pi_3PqR7sT8uV9wXyZa"),
        ("razorpay", "pay_Nq7RsT8uV9wXyZ"), ("sandbox", "anything at all"),
        ("manual", "Invoice 17, Visa 4242"), ("", "SEPA 1"),
    ],
)  # fmt: skip
def test_a_reference_of_the_provider_or_of_a_person_is_taken(
    maya, write, run, provider, ref
) -> None:
    assert run(write({"provider": provider, "payment_ref": ref}))[0] == 0
    assert Payment.objects.get().provider_ref == ref


def test_the_reference_of_a_free_call_is_not_looked_at(maya, write, run) -> None:
    assert run(write({"price": "0", "payment_ref": "none, it was free"}))[0] == 0


def test_all_that_is_wrong_with_a_line_is_told_at_once(maya, write, run) -> None:
    _, out = run(write({"price": "x", "currency": "x", "starts_at": "x"}))

    assert [name for name in ("price", "currency", "starts_at") if f"Line 2, {name}:" in out]
    assert "1 refused" in out


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [("2400", "INR", 240000), ("59.5", "EUR", 5950), ("9000.00", "JPY", 9000),
     ("1.23", "KWD", 1230), ("0.01", "usd", 1)],
)  # fmt: skip
def test_prices_are_kept_in_the_minor_units_of_their_currency(
    maya, write, run, price, currency, minor
) -> None:
    run(write({"price": price, "currency": currency}))

    assert Booking.objects.get().price_minor == Payment.objects.get().captured_minor == minor


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "RSD"}, "Stripe counts RSD in other units than this site"),
        ({"currency": "isk"}, "Stripe counts ISK in other units than this site"),
        ({"currency": "MGA", "provider": "razorpay"}, "Razorpay counts MGA in other units"),
        ({"currency": "KWD", "price": "1.234"}, "Stripe takes KWD only in steps of 0.010"),
    ],
)
def test_a_payment_whose_refund_would_be_another_amount_is_refused(
    maya, write, run, changes, reason
) -> None:
    status, out = run(write(changes))

    assert status == 1
    assert f"Line 2, currency: {reason}" in out
    assert "Write manual as the provider" in out
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "RSD", "provider": "manual"},
        {"currency": "ISK", "provider": "razorpay", "payment_ref": "pay_1"},
        {"currency": "RSD", "price": "0"},
    ],
)
def test_a_currency_is_no_matter_where_no_refund_is_sent_in_it(maya, write, run, changes) -> None:
    status, _ = run(write(changes))

    assert status == 0


def test_a_free_call_has_no_payment(maya, write, run) -> None:
    status, _ = run(write({"price": "0", "payment_ref": "", "paid_at": "", "provider": ""}))

    assert status == 0
    assert Booking.objects.get().price_minor == 0
    assert not Payment.objects.exists()


def test_a_wall_clock_time_is_read_in_its_zone(maya, write, run) -> None:
    run(write({"starts_at": "2026-01-20 18:00", "time_zone": "America/New_York"}))

    assert Booking.objects.get().starts_at == datetime(2026, 1, 20, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "reason"),
    [("2025-03-30 02:30", "does not exist"), ("2025-10-26 02:30", "comes twice")],
)
def test_a_wall_clock_time_that_is_no_instant_is_refused(maya, write, run, wall, reason) -> None:
    _, out = run(write({"starts_at": wall, "time_zone": "Europe/Berlin"}))

    assert reason in out


@pytest.mark.parametrize("state", ["completed", "refunded", "cancelled"])
def test_a_call_with_its_history_elsewhere_keeps_its_outcome(maya, write, run, state) -> None:
    run(write({"state": state}))

    booking = Booking.objects.get()
    assert booking.state == state
    assert booking.events.last().to_state == state
    is_returned = state in (State.REFUNDED, State.CANCELLED)
    assert booking.payment.refundable_minor == (0 if is_returned else 240000)
    call_command("verify")


@pytest.mark.parametrize("state", ["scheduled", "completed", "refunded", "cancelled"])
def test_the_pages_of_an_imported_call_open(maya, write, run, client, state) -> None:
    run(write({"state": state}))
    booking = Booking.objects.get()
    link = links.ensure(booking, links.Purpose.STATUS, now=booking.created_at)
    client.force_login(maya.user)

    for address in (
        reverse("completed_calls"),
        reverse("booking", kwargs={"code": booking.code}),
        links.url(link),
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "Portfolio review" in answer.content.decode()


def test_a_call_to_come_cannot_be_completed(maya, write, run) -> None:
    start = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="minutes")
    _, out = run(write({"starts_at": start, "state": "completed"}))

    assert "not over" in out


def test_an_overlap_with_a_live_call_is_refused_and_leaves_nobody_behind(maya, write, run) -> None:
    start = datetime(2026, 1, 20, 12, 20, tzinfo=UTC)
    there = make_booking(maya, starts_at=start)

    status, out = run(write({}))

    assert status == 1
    assert f"has a call at that time already: {there.code}" in out
    assert not Follower.objects.filter(email="priya@example.com").exists()
    assert not Service.objects.filter(title="Portfolio review").exists()


def test_overlaps_within_the_file_keep_the_first_and_all_others(maya, write, run) -> None:
    hour = timedelta(hours=1)
    first = datetime(2026, 1, 20, tzinfo=UTC)
    lines = [
        {
            "external_ref": f"order-{number}",
            "payment_ref": f"pi_{number}",
            "starts_at": (first + (number if number % 7 else 0) * hour).isoformat(),
        }
        for number in range(40)
    ]

    _, out = run(write(*lines))

    assert "40 lines read: 35 imported, 0 already there, 5 refused." in out
    assert all(f"Line {number + 2}, starts_at" in out for number in (7, 14, 21, 28, 35))
    for booking in Booking.objects.select_related("payment"):  # each with what is its own
        number = booking.external_ref.removeprefix("order-")
        assert booking.payment.provider_ref == f"pi_{number}"
        assert booking.events.count() == 1


def test_a_reference_is_imported_once(maya, write, run) -> None:
    later = {"starts_at": "2026-01-21T18:00+05:30", "payment_ref": "pi_2"}
    _, out = run(write({}, later))

    assert "An earlier line of this file has the same reference" in out
    _, out = run(write(later))
    assert "0 imported, 1 already there" in out
    assert Booking.objects.count() == 1


def test_one_payment_pays_one_booking(maya, write, run) -> None:
    other = {"external_ref": "order-2", "starts_at": "2026-01-21T18:00+05:30"}
    _, out = run(write({}, other))

    assert "Line 3, payment_ref: This payment belongs to another booking" in out


def test_a_known_follower_stays_as_they_are(maya, write, run) -> None:
    Follower.objects.create(name="P. Nair", email="Priya@Example.com", time_zone="Asia/Dubai")

    run(write({}))

    follower = Follower.objects.get()
    assert (follower.name, follower.time_zone) == ("P. Nair", "Asia/Dubai")


def test_a_dry_run_reports_the_same_and_keeps_nothing(maya, write, run) -> None:
    path = write({}, {"external_ref": "order-2"}, {"external_ref": "order-3", "price": "x"})

    status, out = run(path, "--dry-run")

    assert status == 1
    assert "1 would be imported, 0 already there, 2 refused" in out
    assert not Booking.objects.exists()
    assert not Follower.objects.exists()


def test_a_stopped_import_goes_on_where_it_stopped(maya, write, run, monkeypatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 2)
    lines = [
        {
            "external_ref": f"order-{day}",
            "payment_ref": f"pi_{day}",
            "starts_at": f"2026-01-{day}T18:00Z",
        }
        for day in (10, 11, 12, 13)
    ]
    path = write(*lines)
    take = imports._Batch.take

    def die_at_the_second(self: imports._Batch, batch: list[file.Line]) -> None:
        if batch[0].number == 4:
            raise KeyboardInterrupt
        take(self, batch)

    monkeypatch.setattr(imports._Batch, "take", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    assert Booking.objects.count() == 2

    monkeypatch.setattr(imports._Batch, "take", take)
    _, out = run(path)
    assert "2 imported, 2 already there" in out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The first line must name the columns."),
        (b"a,b\n1,2\n", "Unknown columns in the first line"),
        (b"external_ref,expert_mail\n", "'expert_mail' (did you mean expert_email?)"),
        (b"external_ref,price\n", "lacks the columns expert_email"),
        (b"external_ref,external_ref\n", "lacks the columns"),
        (b"\xff\xfee\x00x\x00", "UTF-16"),
        (b"external_ref\nok\nJos\xe9\n", "Line 3 is not UTF-8"),
        (b"external_ref\n\xc3", "in the middle of a UTF-8 character"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    maya, run, tmp_path, content, sentence
) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(content)

    status, out = run(path)

    assert status == 2
    assert sentence in out
    assert "Nothing was imported." in out


def test_a_missing_file_and_a_folder_are_refused_in_a_sentence(run, tmp_path) -> None:
    assert run(tmp_path / "no.csv")[0] == 2
    assert run(tmp_path)[0] == 2


def test_a_byte_order_mark_semicolons_and_windows_line_ends_are_fine(maya, write, run) -> None:
    path = write({})
    text = path.read_text().replace(",", ";").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert run(path)[0] == 0


def test_lines_that_are_no_lines_are_refused_and_the_rest_is_in(maya, write, run) -> None:
    path = write({}, {"external_ref": "order-2", "starts_at": "2026-01-21T18:00Z"})
    good = path.read_text().splitlines()
    path.write_text("\n".join([good[0], "a,b", "", '"x"y,z', good[1], ",,,"]) + "\n")

    _, out = run(path)

    assert "Line 2: It has 2 values, the header names 17 columns." in out
    assert "Line 4: Its quotation marks do not match" in out
    assert "1 imported, 0 already there, 2 refused" in out


def test_a_quotation_mark_left_open_is_told_with_the_lines_it_took(maya, write, run) -> None:
    path = write({})
    with path.open("a") as file:
        file.write('"open\n' + "x\n" * 20_000)

    _, out = run(path)

    assert "perhaps a quotation mark is not closed" in out
    assert "1 imported" in out


def test_the_report_holds_no_formula(maya, write, run, tmp_path) -> None:
    report = tmp_path / "refused.csv"

    run(write({"currency": '=HYPERLINK("http://x.example")'}), "--report", str(report))

    assert "'=HYPERLINK" in report.read_text()


def test_a_report_that_cannot_be_written_stops_before_the_import(maya, write, run) -> None:
    status, _ = run(write({}), "--report", "/nowhere/refused.csv")

    assert status == 2
    assert not Booking.objects.exists()
