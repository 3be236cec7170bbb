"""What e-mails say: every kind in both parts, true words, the reader's own time, hostile names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bookings import emails, lifecycle
from bookings.demo.samples import PLAYED, Sample, samples
from bookings.emails import KINDS
from bookings.models import Booking, OutboxEmail, StoredMessage, TimelineEvent
from bookings.states import Verb
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    use_mail(settings)


@pytest.fixture(scope="module")
def all_samples(django_db_setup: None, django_db_blocker: Any) -> list[Sample]:
    """Rendered once: each takes its own rows back."""
    with django_db_blocker.unblock():
        return list(samples(now=NOW))


# --- every kind -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_kind_has_a_sample_in_both_parts(all_samples: list[Sample]) -> None:
    assert {sample.kind for sample in all_samples} == set(KINDS)
    assert {sample.name for sample in all_samples} == set(PLAYED)
    for sample in all_samples:
        mail = sample.rendered
        assert mail.subject, sample.name
        assert "\n" not in mail.subject
        assert len(mail.subject) <= 150
        assert len(mail.text) > 100
        assert "<h1" in mail.html
        assert mail.to


@pytest.mark.django_db
def test_every_sample_is_true_when_it_is_sent(all_samples: list[Sample]) -> None:
    assert [sample.name for sample in all_samples if not sample.is_still_true] == []


@pytest.mark.django_db
def test_samples_leave_nothing_behind(all_samples: list[Sample]) -> None:
    assert not Booking.objects.exists()
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
def test_both_parts_carry_the_same_addresses(all_samples: list[Sample]) -> None:
    for sample in all_samples:
        in_text = set(re.findall(r"http://127\S+", sample.rendered.text))
        in_html = set(re.findall(r'href="(http://127[^"]+)"', sample.rendered.html))
        assert in_text == in_html, sample.name


@pytest.mark.django_db
def test_texts_are_free_of_markup_and_leftovers(all_samples: list[Sample]) -> None:
    for sample in all_samples:
        assert not re.search(r"&\w+;|<[a-z/]|\{[{%]|None|\n{3,}| \n\n", sample.rendered.text), (
            sample.name
        )
        assert max(map(len, re.sub(r"http\S+", "", sample.rendered.text).splitlines())) <= 90


@pytest.mark.django_db
def test_no_e_mail_uses_words_the_product_does_not_use(all_samples: list[Sample]) -> None:
    for sample in all_samples:
        words = f"{sample.rendered.subject} {sample.rendered.text}".lower()
        for forbidden in ("oops", "resolve", "!", "click here", "dear "):
            assert forbidden not in words.replace("http://", ""), (sample.name, forbidden)


class _Tags(HTMLParser):
    void = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.django_db
def test_the_html_is_well_formed_and_loads_nothing(all_samples: list[Sample]) -> None:
    for sample in all_samples:
        tags = _Tags()
        tags.feed(sample.rendered.html)
        assert (tags.open, tags.wrong) == ([], []), sample.name
        assert not re.search(r"<img|<script|<iframe|url\(|@import", sample.rendered.html)


@pytest.mark.django_db
def test_the_command_lists_every_kind_and_writes_each_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("list_emails", "--out", str(tmp_path))
    listed = capsys.readouterr().out
    for name in KINDS:
        assert re.search(rf"^{name}\b", listed, re.MULTILINE), name
        assert list(tmp_path.glob(f"{name}*.txt"))
        assert list(tmp_path.glob(f"{name}*.html"))
    assert (tmp_path / "time_confirmed.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")


# --- what causes an e-mail ------------------------------------------------------------------------


def test_every_kind_that_an_event_causes_exists() -> None:
    assert {name for kinds in emails.KINDS_AFTER.values() for name in kinds} <= set(KINDS)


def test_every_verb_but_undo_tells_somebody() -> None:
    assert {verb.value for verb in Verb} - set(emails.KINDS_AFTER) == {"undo"}


@pytest.mark.parametrize(
    ("verb", "actor", "to_state", "kinds"),
    [
        ("refund_now", "expert", "refunded", ("refund_started",)),
        ("refund_now", "staff", "refunded", ("refund_started", "booking_refunded")),
        ("no_answer", "system", "refunded", ("refund_started", "booking_refunded")),
        ("offer_lapsed", "system", "refunded", ("refund_started", "booking_refunded")),
        ("offer_lapsed", "system", "completed", ("offer_lapsed",)),
        ("cancel", "expert", "cancelled", ("call_cancelled",)),
        ("cancel", "staff", "cancelled", ("call_cancelled", "call_cancelled_expert")),
        ("undo", "expert", "scheduled", ()),
        ("booked", "follower", "", ()),
    ],
)
def test_who_is_told_is_read_from_the_event_alone(
    verb: str, actor: str, to_state: str, kinds: tuple[str, ...]
) -> None:
    event = TimelineEvent(verb=verb, actor_kind=actor, to_state=to_state)
    assert emails.kinds_after(event) == kinds


@pytest.mark.django_db
def test_what_a_verb_causes_is_in_the_outbox() -> None:
    booking = builders.report(builders.make_booking())
    for event in booking.events.all():
        queued = OutboxEmail.objects.filter(event=event).values_list("kind", flat=True)
        assert set(queued) == set(emails.kinds_after(event))


# --- the reader's own time ------------------------------------------------------------------------


@pytest.mark.django_db
def test_each_reader_gets_their_own_zone_and_clock_with_the_place_named() -> None:
    expert = builders.make_expert(time_zone="Asia/Kolkata", clock="12")
    follower = builders.make_follower("Lena", time_zone="Europe/Berlin", clock="24")
    starts_at = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    booking = builders.make_booking(expert, follower)
    builders.offer(booking)
    # 12:30 UTC is 18:00 in Kolkata, where the day of work ends; so the call starts at 11:30
    starts_at -= timedelta(hours=1)
    lifecycle.pick_time(booking.pk, actor=builders.FOLLOWER, now=NOW, starts_at=starts_at)
    for row in OutboxEmail.objects.filter(kind__in=["time_confirmed", "time_picked"]):
        assert emails.deliver_all([row.pk], now=NOW)
    to_follower = StoredMessage.objects.get(to=follower.email)
    to_expert = StoredMessage.objects.get(to=expert.user.email)
    assert to_follower.subject == "Your call with Maya is on Wed 25 Nov, 12:30 (Berlin)"
    assert to_expert.subject == "Lena picked Wed 25 Nov, 5:00 pm (Kolkata)"
    assert "Kolkata" not in to_follower.text


@pytest.mark.django_db
def test_every_time_of_day_names_its_place(all_samples: list[Sample]) -> None:
    for sample in all_samples:
        text = re.sub(r"http\S+", "", f"{sample.rendered.subject}\n{sample.rendered.text}")
        text = " ".join(text.split())
        for found in re.finditer(r"\d{1,2}:\d\d(?: [ap]m)?", text):
            assert text[found.end() :].startswith((" (Berlin)", " (Kolkata)", " (UTC)")), (
                sample.name,
                text[found.start() : found.end() + 20],
            )


# --- threads, senders and addresses ---------------------------------------------------------------


def sent_by(booking: Booking) -> Iterator[StoredMessage]:
    for row in OutboxEmail.objects.filter(booking=booking).order_by("pk"):
        if emails.deliver_all([row.pk], now=NOW):
            yield StoredMessage.objects.latest("pk")


@pytest.mark.django_db
def test_all_mails_of_a_booking_are_one_thread() -> None:
    booking = builders.report(builders.make_booking())
    found = list(sent_by(booking))
    assert len(found) == 2
    assert {message.headers["References"] for message in found} == {f"<{booking.code}@127.0.0.1>"}
    assert len({message.headers["Message-ID"] for message in found}) == 2


@pytest.mark.django_db
def test_the_experts_own_address_is_not_given_away() -> None:
    booking = builders.report(builders.make_booking())
    follower, expert = booking.follower.email, booking.expert.user.email
    for message in sent_by(booking):
        everything = f"{message.text}{message.html}{message.calendar}{message.headers}"
        other = expert if message.to == follower else follower
        assert other not in everything


@pytest.mark.django_db
def test_staff_mail_goes_to_those_who_may_sign_in_when_no_address_is_set(settings: Any) -> None:
    settings.STAFF_EMAIL = []
    row = emails.queue("staff_sweep_late", now=NOW, dedupe="x", facts={"minutes": 9})
    assert not emails.deliver_all([row.pk], now=NOW)
    row.refresh_from_db()
    assert "STAFF_EMAIL" in row.last_error
    keeper = builders.make_staff("keeper@example.com")
    row = emails.queue("staff_sweep_late", now=NOW, dedupe="y", facts={"minutes": 9})
    assert emails.deliver_all([row.pk], now=NOW)
    assert StoredMessage.objects.get().to == keeper.email


@pytest.mark.django_db
def test_a_forgotten_password_is_mailed_once_a_minute_with_a_link_that_works(client: Any) -> None:
    user = builders.make_expert().user
    row = emails.queue_password_reset(user.email, now=NOW)
    assert emails.queue_password_reset(user.email, now=NOW + timedelta(seconds=20)).pk == row.pk
    assert emails.deliver_all([row.pk], now=NOW)
    [link] = set(re.findall(r"http://127\S+", StoredMessage.objects.get().text))
    assert client.get(link, follow=True).status_code == 200
    assert not any(part in str(row.facts) for part in link.rstrip("/").split("/")[-1:])
