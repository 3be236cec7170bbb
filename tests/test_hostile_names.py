"""Names and titles that try to be headers, recipients, markup or templates stay words."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from bookings import emails
from bookings.calendar import Party
from bookings.emails.letter import Letter, Link
from bookings.emails.rendering import address, as_html, as_text
from bookings.models import OutboxEmail, Service, StoredMessage
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail

HOSTILE = [
    "Eve\r\nBcc: all@example.org",
    "Eve\nSubject: hello",
    'Eve" <root@example.org>, "x',
    "Eve\x00\x0b\x85\u2028\u2029",
    "Eve\u202egro.elpmaxe\u202c",
    "<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}{% now %}",
    "a" * 80,
    "山田 太郎",
    "   ",
]


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    use_mail(settings)


@pytest.mark.django_db
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_words(name: str) -> None:
    name = name.replace("\x00", "")  # PostgreSQL stores none
    expert = builders.make_expert(name=name)
    follower = builders.make_follower(name=name, email="reader@example.com")
    service = Service.objects.create(
        expert=expert, title=name, duration_minutes=60, price_minor=100, currency="EUR"
    )
    booking = builders.make_booking(expert, follower, service=service)
    builders.report(booking)
    for row in OutboxEmail.objects.all():
        assert emails.deliver_all([row.pk], now=NOW), OutboxEmail.objects.get(pk=row.pk).last_error
    for stored in StoredMessage.objects.all():
        assert stored.to in ("reader@example.com", expert.user.email)
        assert "<script>" not in stored.html
        assert "{{ settings.SECRET_KEY }}" not in name or "{{ settings.SECRET_KEY }}" in stored.text
        for content in (stored.subject, stored.text, *stored.headers.values()):
            assert not re.search("[\x00\x0b\x85\u2028\u2029\u202e\r]", content)
        assert "\n" not in stored.subject


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_adds_a_header_or_a_recipient(name: str) -> None:
    message = EmailMultiAlternatives(
        "x", "y", address(Party(name, "site@example.com")), [address(Party(name, "me@example.com"))]
    )
    assert message.recipients() == [address(Party(name, "me@example.com"))]
    parsed = message_from_bytes(message.message().as_bytes(), policy=policy.default)
    assert [one.addr_spec for one in parsed["To"].addresses] == ["me@example.com"]
    assert [one.addr_spec for one in parsed["From"].addresses] == ["site@example.com"]
    assert parsed["Bcc"] is None
    assert parsed.get_all("Subject") == ["x"]


@pytest.mark.parametrize(
    "wrong", ["a@b.c, d@e.f", "nobody", "", "a@b.com\r\nBcc: c@d.com", "a b@c.de"]
)
def test_what_is_not_one_address_is_unsendable(wrong: str) -> None:
    with pytest.raises(emails.Unsendable):
        address(Party("Lena", wrong))


def test_a_letter_is_escaped_in_html_and_plain_in_text() -> None:
    nasty = '<b onclick="x">&</b>'
    letter = Letter(
        subject=nasty,
        preheader=nasty,
        heading=nasty,
        paragraphs=(nasty,),
        quote=f"{nasty}\nsecond line",
        quoted=nasty,
        button=Link(nasty, "https://example.org/?a=1&b=2"),
        facts=((nasty, nasty),),
        closing=(nasty, Link(nasty, "https://example.org/"), nasty),
        why=nasty,
    )
    html = as_html(letter, greeting=f"Hi {nasty},")
    assert "<b onclick" not in html
    assert "second line" in html
    assert 'href="https://example.org/?a=1&amp;b=2"' in html
    text = as_text(letter, greeting=f"Hi {nasty},")
    assert text.count(nasty) == 11
    assert "https://example.org/?a=1&b=2" in text
    assert f"   {nasty}\n   second line" in text
