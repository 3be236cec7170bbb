"""The demo inbox: only without a mail server, links that work, nothing that runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives, send_mail
from django.test import Client
from django.urls import reverse

from bookings import emails
from bookings.demo import SIGN_INS
from bookings.models import OutboxEmail, OutboxState, StoredMessage, User
from tests import builders
from tests.builders import NOW
from tests.follower_pages import address
from tests.mail_settings import use_mail
from tests.shoppers import make_checkout
from topmate import services
from topmate.env import Env

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo(settings: Any) -> None:
    """The inbox is one of its people's."""
    builders.make_user(SIGN_INS[0][0])
    settings.DEMO_INBOX = True
    use_mail(settings)


PAGES = [
    ("demo_inbox", ()),
    ("demo_message", (1,)),
    ("demo_message_html", (1,)),
    ("demo_message_calendar", (1,)),
]


def deliver_all() -> None:
    for row in OutboxEmail.objects.all():
        emails.deliver_all([row.pk], now=NOW + (builders.HOUR / 60))


def store(subject: str = "Hello", *, to: str = "lena@example.com", text: str = "Hi,\n\nyes") -> Any:
    send_mail(subject, text, "Topmate <bookings@example.org>", [to])
    return StoredMessage.objects.latest("pk")


@pytest.mark.parametrize(("name", "arguments"), PAGES)
@pytest.mark.parametrize("lacks", ["inbox", "people", "privacy"])
def test_outside_of_the_demo_the_pages_do_not_exist(
    client: Client, settings: Any, lacks: str, name: str, arguments: tuple[int, ...]
) -> None:
    """They show links for a new password: not even to staff, for there is a superuser's among
    them."""
    StoredMessage.objects.create(
        pk=1, to="x", sender="y", subject="z", text="t", html="<p>", calendar="c"
    )
    client.force_login(builders.make_staff())
    assert client.get(reverse(name, args=arguments)).status_code == 200
    if lacks == "inbox":
        settings.DEMO_INBOX = False
    elif lacks == "people":
        User.objects.filter(email=SIGN_INS[0][0]).update(email="maya@example.com")
    else:
        settings.IS_PUBLIC = True
    assert client.get(reverse(name, args=arguments)).status_code == 404


def test_where_nothing_is_sent_nothing_counts_as_sent(settings: Any) -> None:
    use_mail(settings, services.mail(Env({"DEMO": "0"}), is_public=False).backend)
    builders.offer(builders.make_booking())
    row = OutboxEmail.objects.filter(kind="offer").get()
    assert not emails.deliver_all([row.pk], now=NOW + (builders.HOUR / 60))
    row.refresh_from_db()
    assert row.state == OutboxState.QUEUED
    assert "EMAIL_URL is not set" in row.last_error


@pytest.mark.usefixtures("at_now")
def test_a_followers_link_can_be_clicked(client: Client) -> None:
    builders.offer(builders.make_booking())
    deliver_all()
    page = client.get(reverse("demo_message", args=[StoredMessage.objects.get().pk]))
    links = re.findall(r'<a href="http://127\.0\.0\.1:\d+(/pick/[^"]+)">', page.content.decode())
    assert links
    for link in links:
        assert client.get(link).status_code == 200


def test_links_lead_to_the_address_the_site_has_now(client: Client, settings: Any) -> None:
    settings.SITE_URL = "http://127.0.0.1:8000"
    stored = store(text="Hi,\n\nhttp://127.0.0.1:8000/status/abc/\n")
    settings.SITE_URL = "http://127.0.0.1:9999"
    page = client.get(reverse("demo_message", args=[stored.pk])).content.decode()
    assert '<a href="http://127.0.0.1:9999/status/abc/">' in page


def test_what_others_wrote_is_neither_markup_nor_a_link(client: Client) -> None:
    stored = store("<b>x</b>", text='Hi,\n\n<script>alert(1)</script> https://evil.example/"><i>')
    for name, arguments in (("demo_inbox", []), ("demo_message", [stored.pk])):
        page = client.get(reverse(name, args=arguments)).content.decode()
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page
        assert 'href="https://evil' not in page


def test_the_designed_version_may_have_styles_and_nothing_else(client: Client) -> None:
    builders.offer(builders.make_booking())
    deliver_all()
    answer = client.get(reverse("demo_message_html", args=[StoredMessage.objects.get().pk]))
    rules = answer["Content-Security-Policy"].split("; ")
    assert "style-src 'self' 'unsafe-inline'" in rules
    assert "default-src 'self'" in rules
    assert "frame-ancestors 'none'" in rules
    assert not any(rule.startswith("script-src") for rule in rules)


def test_a_mail_opens_as_it_was_designed_with_a_way_back(client: Client) -> None:
    builders.offer(builders.make_booking())
    deliver_all()
    stored, plain = StoredMessage.objects.get(), store()
    designed = reverse("demo_message_html", args=[stored.pk])
    inbox = client.get(reverse("demo_inbox")).content.decode()
    assert f'id="message-{stored.pk}" href="{designed}"' in inbox
    text_only = reverse("demo_message", args=[plain.pk])
    assert f'id="message-{plain.pk}" href="{text_only}"' in inbox
    body = client.get(designed).content.decode().partition("<body")[2]
    bar = body[body.index("<nav") : body.index("</nav>")]
    assert f'href="{reverse("demo_inbox")}"' in bar
    assert f"To {stored.to}" in bar
    assert f'href="{reverse("demo_message", args=[stored.pk])}"' in bar
    assert body.index("</nav>") < body.index("/pick/")


def test_many_readers_have_their_link(client: Client) -> None:
    for number in range(40):
        store(to=f"reader{number}@example.com")
    assert len(client.get(reverse("demo_inbox")).context["recipients"]) == 30


def test_the_inbox_is_linked_from_the_pages_of_followers_and_buyers(
    client: Client, settings: Any
) -> None:
    booking = builders.offer(builders.make_booking())
    service = builders.make_service(booking.expert)
    shop = f"/with/{booking.expert.slug}/"
    pages = [
        shop, f"{shop}{service.pk}/", "/sign-in/",
        address(booking, "pick"), address(booking, "status"),
        f"/checkout/{make_checkout().key}/",
    ]  # fmt: skip
    link = f'<a href="{reverse("demo_inbox")}">Demo inbox</a></footer>'
    for path in pages:
        assert link in client.get(path).content.decode(), path
    settings.DEMO_INBOX = False
    for path in pages:
        assert "Demo inbox" not in client.get(path).content.decode(), path


def test_other_demo_pages_keep_the_strict_policy(client: Client) -> None:
    assert "unsafe" not in client.get(reverse("demo_inbox"))["Content-Security-Policy"]


def test_newest_first_by_reader_and_page_by_page(client: Client) -> None:
    for number in range(52):
        store(f"Message {number:02d}", to=f"reader{number % 2}@example.com")
    page = client.get(reverse("demo_inbox"))
    assert [row["subject"] for row in page.context["rows"]][:2] == ["Message 51", "Message 50"]
    assert len(page.context["rows"]) == 50
    older = client.get(reverse("demo_inbox"), {"before": page.context["older_than"]})
    assert [row["subject"] for row in older.context["rows"]] == ["Message 01", "Message 00"]
    one = client.get(reverse("demo_inbox"), {"to": "reader1@example.com"})
    assert {row["to"] for row in one.context["rows"]} == {"reader1@example.com"}


def test_the_list_is_rendered_again_only_when_something_came(client: Client) -> None:
    stored = store()
    headers = {"HX-Request": "true"}
    address = reverse("demo_inbox")
    same = client.get(address, {"seen": stored.pk}, headers=headers)
    assert same.status_code == 204
    store("News")
    changed = client.get(address, {"seen": stored.pk}, headers=headers)
    assert changed.status_code == 200
    assert "News" in changed.content.decode()
    assert "<html" not in changed.content.decode()


@pytest.mark.parametrize(
    "query",
    [{"to": "\x00"}, {"to": "x" * 5000}, {"before": "-1"}, {"before": "9" * 40}, {"before": "²"},
     {"before": "x"}, {"seen": "\x00"}],
)  # fmt: skip
def test_nonsense_in_the_address_is_not_an_error(client: Client, query: dict[str, str]) -> None:
    store()
    assert client.get(reverse("demo_inbox"), query).status_code == 200


@pytest.mark.parametrize("zone", ["", "\x01", "../../etc/passwd", "Mars/Base", "x" * 3000])
def test_a_broken_zone_cookie_means_utc(client: Client, zone: str) -> None:
    store()
    response = client.get(reverse("demo_inbox"), headers={"cookie": f"tz={zone}"})
    assert "(UTC)" in response.content.decode()


def test_the_zone_of_the_cookie_is_used(client: Client) -> None:
    store()
    response = client.get(reverse("demo_inbox"), headers={"cookie": "tz=Asia/Kolkata"})
    assert "(UTC)" not in response.content.decode()


def test_nothing_there_is_a_404(client: Client) -> None:
    stored = store()
    for name in ("demo_message", "demo_message_html"):
        assert client.get(reverse(name, args=[stored.pk + 1])).status_code == 404
        assert client.get(reverse(name, args=[10**30])).status_code == 404
    assert client.get(reverse("demo_message_calendar", args=[stored.pk])).status_code == 404


def test_one_row_per_recipient_with_all_parts() -> None:
    message = EmailMultiAlternatives(
        "Grüße", "text", "Zoë <a@example.org>", ["Ä <b@example.org>", "c@example.org"]
    )
    message.attach_alternative("<p>html</p>", "text/html")
    message.attach("call.ics", "BEGIN:VCALENDAR", "text/calendar")
    assert message.send() == 1
    rows = StoredMessage.objects.order_by("pk")
    assert [row.to for row in rows] == ["b@example.org", "c@example.org"]
    for row in rows:
        assert (row.subject, row.text, row.html) == ("Grüße", "text", "<p>html</p>")
        assert (row.calendar, row.sender) == ("BEGIN:VCALENDAR", "Zoë <a@example.org>")
