"""One cleaning of what people write: in forms, files, searches and the admin."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from bookings import plain_text
from bookings.forms import fields as fields
from bookings.imports import lines
from bookings.models import Checkout, Expert, Follower, User
from bookings.plain_text import MOST_MARKS, cleaned, has_link, is_blank, one_line, person_name
from tests import shoppers
from tests.builders import make_booking, make_follower, make_service
from tests.follower_pages import read
from tests.shoppers import buy, send_form

expert, no_keys = shoppers.expert, shoppers.no_keys
UNSEEN = [
    "\u00a0", "\u200b", "\u3164", "\u200d", "\u200c", "\u2800", "\u115f", "\u1160", "\u180e",
    "\uffa0", "\u034f", "\u17b4", "\ufe0f", "\U000e0100", "\u202e", "\u2066", "\u200e", "\u061c",
    "\ufeff", "\u00ad", "\u2060", "\u3000", "\u2003", "\U0001d173", "\u0301", "\ufffc",
    "\u2065", "\u200b \u3164\u200d", "\u115f\u1160",
]  # fmt: skip
NAMES = [
    "Zoë Müller", "山田 太郎", "প্রিয়া", "नूर", "👩‍👩‍👧 Family", "O’Neil-Çağ", "J.R. Smith", "St. John",
    "O'Neil", "Dr. Anna", "S.p.A. Rossi", "Anna Ph.D.", "e.V.", "Ravi S/O Kumar", "Anna @ home",
    "Level 2.5", "김민수", "Anna (20210034)", "می‌خواهم", "Jr.", "Anna…Maria", "3. Team",
]  # fmt: skip
LINKS = [
    "evil.example/claim-prize now", "evil.example", "www.example.net", "Lena, see WWW.evil.example",
    "http://x", "hxxp:evil", "mailto:a@b.de", "tel:0190", "a@b.de", "a@localhost", "bücher.example",
    "пример.рф", "例え.テスト", "उदाहरण.भारत", "xn--p1ai.xn--p1ai", "e.v.i.l.com", "t.co/x",
    "ｅｖｉｌ．ｃｏｍ", "evil。com", "evil․com", "evil\u200d.com", "evil\u00ad.com", "ev\u0301il.com",
    "ⓔⓥⓘⓛ.com", "192.0.2.1", "\\\\server\\share", "+1 900 555 0123", "call 0900-123 45 67 89",
    "Mary.Smith", "ftp.evil.com", "a＠b.de", "J.evil.com", "evil-.com",
]  # fmt: skip


@pytest.mark.parametrize("text", UNSEEN)
def test_what_cannot_be_seen_is_empty(text: str) -> None:
    assert is_blank(text)
    assert one_line(text) == ""
    assert one_line(f"{text} Anna {text}") == "Anna"
    for field in (fields.LineField, fields.NameField, fields.ParagraphsField):
        with pytest.raises(forms.ValidationError, match="required"):
            field(max_length=80).clean(text)


@pytest.mark.parametrize("name", NAMES)
def test_real_names_stay_as_they_are(name: str) -> None:
    assert fields.NameField(max_length=80).clean(name) == name
    assert lines.read_name(name) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Dr.Anna", "Dr. Anna"), ("J.R.R.Tolkien", "J.R.R. Tolkien"), ("Dr.Li", "Dr. Li"),
     ("GmbH & Co.KG", "GmbH & Co. KG"), ("Prof.Dr.Weber", "Prof. Dr. Weber")],
)  # fmt: skip
def test_a_title_close_to_a_name_is_no_domain(typed: str, name: str) -> None:
    assert fields.NameField(max_length=80).clean(typed) == lines.read_name(typed) == name


@pytest.mark.parametrize("name", LINKS)
def test_a_name_carries_no_link(name: str) -> None:
    with pytest.raises(forms.ValidationError, match="without a web address"):
        fields.NameField(max_length=80).clean(name)
    with pytest.raises(lines.Refused, match="web address"):
        lines.read_name(one_line(name))


@given(st.text(alphabet=st.characters(), max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    for clean in (cleaned, one_line, person_name):
        assert clean(clean(text)) == clean(text)
        assert unicodedata.is_normalized("NFC", clean(text))
    assert is_blank(text) or one_line(text)
    assert "\n" not in one_line(text)


@example("a" + "\u0301\u0327" * 200)
@example("a" + "\u0323\u200b" * 200)
@given(st.text(alphabet="\u0301\u0327\u0323a \u200b", min_size=5, max_size=400))
def test_accents_are_piled_no_higher_than_any_language_does(text: str) -> None:
    run = 0
    for sign in unicodedata.normalize("NFD", cleaned(text)):
        run = run + 1 if unicodedata.combining(sign) else 0
        assert run <= MOST_MARKS + 3


# --- the length comes first ------------------------------------------------------------------------

PILE = "a" + "\u0301" * 250_000 + "\u0327" * 250_000


@pytest.fixture
def never_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer with every sign is not begun."""

    def refuse(text: str) -> Any:
        raise AssertionError(f"{len(text)} signs were cleaned")

    for name in ("cleaned", "one_line", "person_name", "has_link", "is_blank"):
        monkeypatch.setattr(fields, name, refuse)
        monkeypatch.setattr(plain_text, name, refuse)


@pytest.mark.parametrize(
    "field",
    [
        fields.LineField(max_length=80),
        fields.LineField(),
        fields.NameField(max_length=80),
        fields.ParagraphsField(max_length=5000),
        fields.ParagraphsField(),
        fields.NoteField(),
        fields.AddressField(),
    ],
)
def test_a_text_that_is_too_long_is_refused_unread(
    field: forms.Field, never_composed: None
) -> None:
    with pytest.raises(forms.ValidationError, match=r"at most|500 characters|e-mail address"):
        field.clean(PILE)


@pytest.mark.django_db
def test_the_buy_form_refuses_it_unread(
    no_keys: None, expert: Expert, client: Client, never_composed: None
) -> None:
    answer = send_form(client, make_service(expert), name=PILE)
    assert answer.status_code == 422
    assert not Checkout.objects.exists()


def test_a_text_that_is_composed_to_the_limit_fits() -> None:
    korean = unicodedata.normalize("NFD", "각" * 80)
    assert len(korean) == 240
    assert fields.NameField(max_length=80).clean(korean) == "각" * 80


# --- everywhere the same ---------------------------------------------------------------------------

APART = "Jose\u0301 Nun\u0303ez"
COMPOSED = "José Nuñez"


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["Nuñez", "Nun\u0303ez", "nun\u0303ez", "\u200bNuñez "])
def test_a_name_is_found_however_its_accents_are_written(
    no_keys: None, expert: Expert, client: Client, typed: str
) -> None:
    checkout = buy(client, make_service(expert, price_minor=0), name=APART)
    assert checkout.booking is not None
    assert Follower.objects.get().name == COMPOSED
    client.force_login(expert.user)
    assert COMPOSED in read(client.get("/upcoming/", {"q": typed}))


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["Nuñez", "Nun\u0303ez", "\u200bNuñez "])
def test_it_is_found_in_the_admin_too(client: Client, staff: User, typed: str) -> None:
    booking = make_booking(follower=make_follower(COMPOSED), now=timezone.now())
    for page, found in (("booking", booking.code), ("follower", COMPOSED)):
        assert found in read(client.get(f"/admin/bookings/{page}/", {"q": typed}))


@pytest.mark.django_db
def test_what_staff_writes_is_cleaned_as_well(client: Client, staff: User) -> None:
    follower = make_follower()
    address = f"/admin/bookings/follower/{follower.pk}/change/"
    sent = {"name": f"\u202e{APART}\u200b", "email": "lena@example.com", "time_zone": "Asia/Tokyo",
            "clock": "24"}  # fmt: skip
    assert client.post(address, sent).status_code == 302
    follower.refresh_from_db()
    assert follower.name == COMPOSED
    answer = client.post(address, {**sent, "name": "\u3164", "email": "ſam@example.com"})
    assert "This field is required" in read(answer)
    assert "can stand before the @" in read(answer)


@pytest.mark.parametrize("text", UNSEEN)
def test_an_import_says_where_nothing_can_be_seen(text: str) -> None:
    line = lines._Reader(2, {"follower_name": text})
    line.take("follower_name", lines.read_name, default="")
    [problem] = line.problems
    assert (problem.column, problem.line) == ("follower_name", 2)
    assert "cannot be seen" in problem.reason


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["\u00a0", "\u200b", "\u3164", "\u200d", "\u2800", "\u0301"])
def test_a_buyer_whose_name_cannot_be_seen_is_asked_for_it(
    no_keys: None, expert: Expert, client: Client, text: str
) -> None:
    answer = send_form(client, make_service(expert), name=text)
    assert answer.status_code == 422
    assert "Write your name." in read(answer)


@pytest.mark.django_db
@pytest.mark.parametrize("name", LINKS)
def test_nobody_can_have_us_mail_a_link_to_a_stranger(
    no_keys: None, expert: Expert, client: Client, name: str
) -> None:
    answer = send_form(client, make_service(expert), name=name, email="stranger@example.com")
    assert answer.status_code == 422
    assert "without a web address" in read(answer)


def test_has_link_reads_text_that_nobody_cleaned() -> None:
    assert has_link("evil\u200b.com")
