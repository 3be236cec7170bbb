"""E-mail addresses: read alike by forms, imports, settings and mails; any alphabet in a domain."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone

from bookings import addresses, emails
from bookings.forms.fields import AddressField
from bookings.imports import lines
from bookings.models import Booking, Checkout, Expert, Follower, OutboxEmail, User
from tests import shoppers, smtp_server
from tests.builders import DAY, NOW, make_booking, make_expert, make_follower, make_service
from tests.follower_pages import address, read
from tests.mail_settings import SMTP, use_mail
from tests.shoppers import buy, send_form, shown
from tests.test_settings import Load, load_settings  # noqa: F401 - a fixture

expert, no_keys = shoppers.expert, shoppers.no_keys


@pytest.fixture
def mailbox(settings: Any) -> Any:
    """A real mail server on a socket."""
    with smtp_server.running() as box:
        use_mail(settings, SMTP, host="127.0.0.1", port=box.port, timeout=5)
        yield box


ON_THE_WIRE = [
    ("anna@bücher.example", "anna@xn--bcher-kva.example"),
    ("BOB@MÜNCHEN.example", "BOB@xn--mnchen-3ya.example"),
    ("anna@bu\u0308cher.example", "anna@xn--bcher-kva.example"),
    ("anna@straße.example", "anna@xn--strae-oqa.example"),  # not strasse: that is somebody else's
    ("anna@пример.рф", "anna@xn--e1afmkfd.xn--p1ai"),
    ("anna@例え.テスト", "anna@xn--r8jz45g.xn--zckzah"),
    ("anna@उदाहरण.भारत", "anna@xn--p1b6ci4b4b3a.xn--h2brj9c"),
    ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
    (" anna+calls@example.com\u200b", "anna+calls@example.com"),
]
NOT_ADDRESSES = [
    "ſam@example.com",  # a long s, which some programs take for an s
    "\u212aate@example.com",  # the sign for Kelvin
    "ann\u0430@example.com",  # a Cyrillic a
    "ａnna@example.com",
    "anna@ｅxample.com",
    "anna@ex\u00adample.com",
    "anna@exam\u200bple.com",
    "anna@\u212aelvin.example",
    "anna@İstanbul.example",
    "anna@example。com",
    "anna@ﬁsh.example",
    "anna@i❤.example",
    "anna@bücher..example",
    "jörg@example.com",
    '"anna b"@example.com',
    "anna@example.com, bob@example.com",
    "Anna <anna@example.com>",
    "calls@",
    "@example.com",
    "anna@example",
    "anna@b\u202eelpmaxe.com",
    f"anna@{'ü' * 70}.example",
]


@pytest.mark.parametrize(("typed", "wire"), ON_THE_WIRE)
def test_an_address_is_sent_to_in_the_letters_of_the_wire(typed: str, wire: str) -> None:
    for found in (AddressField().clean(typed), lines.read_email(typed.strip())):
        assert addresses.on_the_wire(found).lower() == wire.lower()
    assert addresses.read_mailbox(f"Anna, Ltd <{typed}>")[1] == AddressField().clean(typed)


@pytest.mark.parametrize("typed", NOT_ADDRESSES)
def test_what_would_reach_another_mailbox_or_none_is_refused_everywhere(typed: str) -> None:
    with pytest.raises(addresses.NotAnAddress):
        addresses.read(typed)
    with pytest.raises(lines.Refused):
        lines.read_email(typed)
    with pytest.raises(Exception, match=r"Write an e-mail address|can stand before the @"):
        AddressField().clean(typed)


@pytest.mark.parametrize("typed", ["ſam@example.com", "jörg@example.com", "ａnna@example.com"])
def test_other_letters_before_the_at_sign_are_named_as_what_is_wrong(typed: str) -> None:
    with pytest.raises(Exception, match="can stand before the @"):
        AddressField().clean(typed)
    with pytest.raises(lines.Refused, match="can stand before the @"):
        lines.read_email(typed)


@pytest.mark.django_db
@pytest.mark.parametrize(("typed", "wire"), ON_THE_WIRE)
def test_a_buyer_gets_their_mail_at_a_domain_in_any_alphabet(
    no_keys: None, mailbox: Any, expert: Expert, client: Client, typed: str, wire: str
) -> None:
    checkout = buy(client, make_service(expert, price_minor=0), email=typed)
    row = OutboxEmail.objects.get(kind="booked")
    assert emails.deliver_all([row.pk], now=row.next_attempt_at), (
        OutboxEmail.objects.get().last_error
    )
    [received] = mailbox.received
    assert received.recipients == [wire]
    assert [one.addr_spec for one in received.message["To"].addresses] == [wire]
    [calendar] = received.message.iter_attachments()
    assert f"mailto:{wire}" in calendar.get_content().replace("\r\n ", "")
    assert addresses.read(typed) in read(client.get(f"/checkout/{checkout.key}/"))


@pytest.mark.django_db
def test_the_page_shows_the_address_as_it_was_typed(
    no_keys: None, expert: Expert, client: Client
) -> None:
    for typed in ("anna@bücher.example", "BOB@MÜNCHEN.example"):
        assert typed in shown(client, buy(client, make_service(expert), email=typed))


@pytest.mark.django_db
@pytest.mark.parametrize("typed", NOT_ADDRESSES)
def test_the_form_refuses_it_in_a_sentence(
    no_keys: None, expert: Expert, client: Client, typed: str
) -> None:
    answer = send_form(client, make_service(expert), email=typed)
    assert answer.status_code == 422
    page = read(answer)
    assert "like name@example.com" in page or "can stand before the @" in page
    assert not Checkout.objects.exists()


SPELLINGS = ("anna@bücher.example", "ANNA@BÜCHER.example", "anna@xn--bcher-kva.example")


@pytest.mark.django_db
def test_every_spelling_of_a_mailbox_is_one_follower(
    no_keys: None, expert: Expert, client: Client
) -> None:
    free = make_service(expert, price_minor=0)
    for typed in SPELLINGS:
        buy(client, free, email=typed)
    assert Follower.objects.get().bookings.count() == 3
    assert send_form(client, free, email=SPELLINGS[1]).status_code == 409, "its limit is reached"


@pytest.mark.django_db
@pytest.mark.parametrize("kept", [SPELLINGS[0], SPELLINGS[2], "Anna@XN--BCHER-KVA.example"])
@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_row_is_found_in_whatever_spelling_it_was_kept(kept: str, typed: str) -> None:
    follower = make_follower(email=kept)
    assert list(Follower.objects.with_address(typed)) == [follower]


@pytest.mark.django_db
def test_one_mailbox_keeps_few_times_however_it_is_spelled(
    no_keys: None, expert: Expert, client: Client
) -> None:
    answers = [
        send_form(client, make_service(expert), email=typed).status_code
        for typed in (*SPELLINGS, "anna@BÜCHER.Example")
    ]
    assert answers == [302, 302, 302, 409]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", SPELLINGS)
def test_an_expert_signs_in_with_any_spelling(client: Client, typed: str) -> None:
    user: User = make_expert(email=SPELLINGS[1]).user
    assert user.email == SPELLINGS[0]
    sent = {"username": typed, "password": "a long pass phrase"}
    assert client.post("/sign-in/", sent).status_code == 302


@pytest.mark.django_db
def test_an_old_row_with_an_address_that_is_none_breaks_no_page(client: Client) -> None:
    now = timezone.now()
    booking = make_booking(
        follower=make_follower(email="ſam@example.com"), now=now, starts_at=now + DAY
    )
    for page in ("status", "status_calendar"):
        assert client.get(address(booking, "status", page)).status_code == 200
    row = emails.queue("booked", booking=booking, now=now, event=booking.events.get())
    assert not emails.deliver_all([row.pk], now=now)
    row.refresh_from_db()
    assert (row.state, "Not an e-mail address" in row.last_error) == ("failed", True)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name", "wire"),
    [
        ("Calls, Ltd <calls@example.com>", "Calls, Ltd", "calls@example.com"),
        ('"Calls, Ltd" <calls@example.com>', "Calls, Ltd", "calls@example.com"),
        ('"Calls, Ltd <calls@example.com>"', "Calls, Ltd", "calls@example.com"),
        ("Calls; Ltd <calls@example.com>", "Calls; Ltd", "calls@example.com"),
        ('Say "hi" <calls@example.com>', 'Say "hi"', "calls@example.com"),
        ("Bücher <calls@bücher.example>", "Bücher", "calls@xn--bcher-kva.example"),
        ("=?utf-8?q?hi?= <calls@example.com>", "=?utf-8?q?hi?=", "calls@example.com"),
        ("calls@example.com", "Topmate", "calls@example.com"),
    ],
)
@pytest.mark.django_db
def test_the_sender_is_read_rightly(
    load_settings: Load,  # noqa: F811
    settings: Any,
    mailbox: Any,
    given: str,
    name: str,
    wire: str,
) -> None:
    settings.DEFAULT_FROM_EMAIL = load_settings(DEFAULT_FROM_EMAIL=given)["DEFAULT_FROM_EMAIL"]
    settings.STAFF_EMAIL = ["ops@example.com"]
    row = emails.queue("staff_sweep_late", now=NOW)
    assert emails.deliver_all([row.pk], now=NOW), OutboxEmail.objects.get().last_error
    [received] = mailbox.received
    assert received.sender == wire
    assert smtp_server.as_read(received, "From") == f"{name} <{wire}>"


@pytest.mark.parametrize(
    "given",
    ["calls@", "calls", "Calls <calls@>", "a@example.com, b@example.com", "Calls calls@example.com",
     "ſam@example.com", "calls@exa mple.com", "a@example.com <b@example.com>"],
)  # fmt: skip
def test_a_sender_that_is_none_is_refused_at_the_start(
    load_settings: Load,  # noqa: F811
    given: str,
) -> None:
    with pytest.raises(ImproperlyConfigured, match="DEFAULT_FROM_EMAIL="):
        load_settings(DEFAULT_FROM_EMAIL=given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("ops@example.com; boss@example.com", ["ops@example.com", "boss@example.com"]),
        ("ops@example.com,boss@example.com,", ["ops@example.com", "boss@example.com"]),
        ('"ops@example.com; boss@example.com"', ["ops@example.com", "boss@example.com"]),
        ("Ops, Ltd <ops@example.com>; boss@example.com", ["ops@example.com", "boss@example.com"]),
        ('"Ops; Ltd" <ops@example.com>', ["ops@example.com"]),
        ("ops@bücher.example", ["ops@bücher.example"]),
        (" ; ", []),
    ],
)
@pytest.mark.django_db
def test_a_list_of_staff_is_read_rightly(
    load_settings: Load,  # noqa: F811
    settings: Any,
    mailbox: Any,
    given: str,
    found: list[str],
) -> None:
    settings.STAFF_EMAIL = load_settings(STAFF_EMAIL=given)["STAFF_EMAIL"]
    assert found == settings.STAFF_EMAIL
    row = emails.queue("staff_sweep_late", now=NOW)
    assert emails.deliver_all([row.pk], now=NOW) == bool(found)
    if found:
        wires = [addresses.on_the_wire(address) for address in found]
        assert mailbox.received[0].recipients == wires
        assert mailbox.received[0].message["Reply-To"] == wires[0]


@pytest.mark.parametrize(
    "given",
    ["ops", "ops@example.com; calls@", "ops@example.com boss@example.com", "ops, boss@example.com",
     "ops@example.com; boss"],
)  # fmt: skip
def test_a_list_with_something_else_in_it_is_refused_at_the_start(
    load_settings: Load,  # noqa: F811
    given: str,
) -> None:
    with pytest.raises(ImproperlyConfigured, match="STAFF_EMAIL="):
        load_settings(STAFF_EMAIL=given)


@pytest.mark.parametrize(
    ("site", "url", "sender"),
    [
        ("http://BÜCHER.example:81", "http://xn--bcher-kva.example:81", "xn--bcher-kva.example"),
        ("http://192.0.2.5", "http://192.0.2.5", "localhost"),
        ("http://calls", "http://calls", "localhost"),
        ("http://calls.example.org", "http://calls.example.org", "calls.example.org"),
    ],
)
def test_without_a_sender_there_is_one_that_mail_can_have(
    load_settings: Load,  # noqa: F811
    site: str,
    url: str,
    sender: str,
) -> None:
    public = {
        "EMAIL_URL": "smtp://mail.example.org",
        "PAYMENTS": "none",
        "SECRET_KEY": "kq8Zt1vN4xw7Lr2Yp5Hs9Jd3Fg6Bc0Mu-wT7mQe2RbXy4UoAi1Dk8Vn5Zs",
    }
    found = load_settings(SITE_URL=site, **public)
    assert found["SITE_URL"] == url
    assert found["DEFAULT_FROM_EMAIL"] == f"bookings@{sender}"


def test_what_is_read_as_a_mailbox_is_written_as_one() -> None:
    for name in ('Say "hi"', "a\\b", "Calls, Ltd", "", "山田"):
        assert addresses.read_mailbox(addresses.mailbox(name, "a@b.de")) == (name, "a@b.de")


@pytest.mark.django_db
def test_a_booking_is_found_in_the_admin_by_any_spelling(client: Client, staff: User) -> None:
    booking = make_booking(follower=make_follower(email=SPELLINGS[0]))
    for typed in SPELLINGS:
        answer = client.get("/admin/bookings/booking/", {"q": typed})
        assert booking.code in answer.content.decode(), typed
    assert Booking.objects.count() == 1
