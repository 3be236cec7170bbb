"""A follower whose data was erased is found nowhere: in no column of any table, in no e-mail that
is kept, in no line of the log. Money, states and times are as they were."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from bookings import emails, erasing, helpdesk, invariants, lifecycle, links, refunds
from bookings.erasing import begin, go_on, steps
from bookings.models import (
    Booking,
    CompletionMark,
    Erasure,
    Expert,
    Follower,
    HelpFeedback,
    NoShowReport,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    StoredMessage,
    User,
)
from bookings.models.people import ERASED_NAME
from bookings.states import State, TransitionNotAllowed
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    MINUTE,
    NOW,
    expert_of,
    make_booking,
    make_follower,
    make_in_state,
    offer,
    report,
    staff,
)
from tests.mail_settings import use_mail
from tests.shoppers import make_checkout
from topmate.logs import MaskedFormatter

pytestmark = pytest.mark.django_db
NAME, OTHER_NAME, ADDRESS = (
    "Zofia Wiśniewska",
    "Zosia W. Brzęczyk",
    "Zofia.Wisnia+calls@Poczta.example",
)
WORDS = {
    "report": "The umbrella was purple and nobody came.",
    "answer": "My startup sells marmalade to lighthouses.",
    "contest": "We never spoke, I was feeding an ostrich.",
    "number": "+48 601 222 333",
}
ABOUT = {
    "offer": "Sorry Zofia, my train was late.",
    "mark": "Held with Ms Wiśniewska over the phone.",
    "decision": "She says: We never spoke, I was feeding an ostrich.",
    "cancel": "Zofia.Wisnia+calls@poczta.example asked for it.",
}
STAYS = "I waited for 20 minutes in the room."


@pytest.fixture(autouse=True)
def _inbox(settings: Any) -> None:
    settings.DEMO_INBOX = True
    use_mail(settings)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """As the site writes it, with everything that can be said."""
    text, root = StringIO(), logging.getLogger()
    handler = logging.StreamHandler(text)
    handler.setFormatter(MaskedFormatter("{levelname} {name}: {message}", style="{"))
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


# --- what a follower leaves behind ----------------------------------------------------------------


def lived(expert: Expert) -> Follower:
    """Everything a follower can do, and what is written about them meanwhile."""
    zofia = make_follower(NAME, email=ADDRESS, time_zone="Europe/Warsaw")
    for play in (_reported_and_refunded, _contested, _marked, _cancelled, _bought):
        play(expert, zofia)
    _on_the_side(expert, zofia)
    for minutes in range(1, 5):
        ids = Refund.objects.values_list("pk", flat=True)
        refunds.drive(list(ids), now=NOW + DAY + minutes * MINUTE)
    mails = list(OutboxEmail.objects.values_list("pk", flat=True))
    emails.deliver_all(mails, now=NOW + DAY)
    return zofia


def _reported_and_refunded(expert: Expert, zofia: Follower) -> None:
    booking = make_booking(expert, zofia, starts_at=NOW - 5 * HOUR)
    number = f"By phone: Maya calls {WORDS['number']}"
    answers = [["What do you sell?", WORDS["answer"]], ["Your number", WORDS["number"]]]
    Booking.objects.filter(pk=booking.pk).update(
        answers=answers, place=number, buyer_name=OTHER_NAME, external_ref="zofia wiśniewska 7"
    )
    reason = NoShowReport.Reason.OTHER
    lifecycle.report_no_show(
        booking.pk, actor=FOLLOWER, now=NOW, reason=reason, text=WORDS["report"]
    )
    booking.refresh_from_db()
    lifecycle.offer_reschedule(
        booking.pk, actor=expert_of(booking), now=NOW + MINUTE, note=ABOUT["offer"]
    )
    lifecycle.refund_instead(booking.pk, actor=FOLLOWER, now=NOW + 10 * MINUTE)


def _mark(booking: Booking, note: str) -> None:
    lifecycle.mark_completed(
        booking.pk, actor=expert_of(booking), now=NOW, channel=CompletionMark.Channel.PHONE,
        outcome=CompletionMark.Outcome.HELD_ELSEWHERE, held_at=booking.starts_at, note=note,
    )  # fmt: skip


def _contested(expert: Expert, zofia: Follower) -> None:
    booking = make_booking(expert, zofia, starts_at=NOW - 8 * HOUR)
    _mark(booking, ABOUT["mark"])
    lifecycle.contest(booking.pk, actor=FOLLOWER, now=NOW + HOUR, reason=WORDS["contest"])
    lifecycle.decide(
        booking.pk, actor=staff(), now=NOW + 2 * HOUR, decision="refunded",
        reason=ABOUT["decision"],
    )  # fmt: skip


def _marked(expert: Expert, zofia: Follower) -> None:
    _mark(make_booking(expert, zofia, starts_at=NOW - 11 * HOUR), STAYS)


def _cancelled(expert: Expert, zofia: Follower) -> None:
    booking = make_booking(expert, zofia, starts_at=NOW + DAY)
    lifecycle.cancel(booking.pk, actor=staff(), now=NOW, reason=ABOUT["cancel"])


def _bought(expert: Expert, zofia: Follower) -> None:
    details = {"name": OTHER_NAME, "email": ADDRESS.upper(), "time_zone": "Europe/Warsaw"}
    booking = zofia.bookings.earliest("pk")
    make_checkout(
        state="refunded", booking=booking, request_key="paid", answers=[["Q", WORDS["answer"]]],
        provider="sandbox", provider_ref="cs_7f3a", pay_url=f"https://pay/?e={quote(ADDRESS)}",
        **details,
    )  # fmt: skip
    make_checkout(state="expired", request_key="abandoned", **details)


def _on_the_side(expert: Expert, zofia: Follower) -> None:
    booking = zofia.bookings.earliest("pk")
    said = f"{NAME} <{ADDRESS}> writes to me."
    helpdesk.ask(expert, subject=f"About {NAME}", message=said, now=NOW, booking=booking)
    HelpFeedback.objects.create(article="no-shows", is_helpful=False, comment=said)
    for number, body in enumerate(
        [
            {"data": {"object": {"receipt_email": ADDRESS.lower(), "id": "evt"}}},
            {"data": {"object": {"name": NAME, "note": "escaped"}}},
            {"data": {"object": {"session": "cs_7f3a", "card": "Mrs Somebody"}}},
            {"data": {"object": {"receipt_email": "lena@example.com"}}},
        ]
    ):
        ProviderEvent.objects.create(
            provider="stripe", event_id=f"evt_{number}", body_sha256=str(number), kind="x",
            body=json.dumps(body), received_at=NOW, processed_at=NOW,
        )  # fmt: skip
    admin = User.objects.filter(is_staff=True).first()
    assert admin is not None
    LogEntry.objects.create(
        user=admin, action_flag=CHANGE, object_id=str(zofia.pk), object_repr=str(zofia),
        content_type=ContentType.objects.get_for_model(Follower),
        change_message=f"Changed e-mail address to {ADDRESS}.",
    )  # fmt: skip
    AccessAttempt.objects.create(username=ADDRESS.lower(), failures_since_start=1)
    emails.queue_password_reset(ADDRESS, now=NOW)
    logging.getLogger("bookings.test").warning("no answer to %s", ADDRESS)


def whole_database() -> Iterator[tuple[str, str]]:
    """Every value of every column of every table, and what sessions hold."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    yield f"{table}.{name}", str(value)
    for session in Session.objects.all():
        yield "session", json.dumps(session.get_decoded(), ensure_ascii=False)


def looks_like(text: str) -> set[str]:
    """As it may stand somewhere, in small letters."""
    encoded = {
        base64.b64encode(b" " * shift + text.encode()).decode()[4:-4].lower() for shift in range(3)
    }
    small = text.casefold()
    forms = {small, quote(small).lower(), json.dumps(small)[1:-1], *encoded}
    return {form for form in forms if len(form) > 4}


def traces(*more: str) -> list[str]:
    local = ADDRESS.partition("@")[0]
    names = {"Zofia", "Wiśniewska", "Zosia", "Brzęczyk"}
    wanted = {*names, ADDRESS, local, *WORDS.values(), *ABOUT.values(), "Mrs Somebody"}
    forms = {form for text in wanted for form in looks_like(text)}
    texts = [*whole_database(), *(("more", text) for text in more)]
    return [
        f"{place}: {form!r}" for place, text in texts for form in forms if form in text.casefold()
    ]


def money_and_times() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values_list(*columns))
        for model, columns in (
            (Payment, ("pk", "captured_minor", "reserved_minor", "provider_ref", "paid_at")),
            (Refund, ("pk", "amount_minor", "state", "finished_at")),
            (Booking, ("pk", "code", "state", "starts_at", "price_minor", "marked_at")),
            (NoShowReport, ("pk", "reason", "reported_at", "outcome")),
        )
    ]


def erase(follower: Follower, reason: str = "They asked for it by letter.") -> Erasure:
    later = NOW + 2 * DAY
    erasure = begin(follower.pk, by=None, reason=reason, now=later)
    assert go_on(erasure.pk, now=later)
    return erasure


def broken() -> dict[str, list[str]]:
    late = NOW + DAY
    asked = {name: list(one.offenders(late)) for name, one in invariants.ALL.items()}
    return {name: codes for name, codes in asked.items() if codes}


# --- the test -------------------------------------------------------------------------------------


def test_nothing_of_an_erased_follower_is_found_anywhere(maya: Expert, log: StringIO) -> None:
    zofia = lived(maya)
    other = report(make_booking(maya, make_follower(), starts_at=NOW - 20 * HOUR))
    assert len(traces()) > 60
    before, found_before = money_and_times(), broken()

    erase(zofia)

    assert traces(log.getvalue()) == []
    assert money_and_times() == before
    assert broken() == found_before
    assert list(invariants.ALL["history_is_as_written"].offenders(NOW)) == []
    notes = Booking.objects.filter(marks__note=STAYS)
    assert notes.count() == 1, "words that name nobody stay"
    assert other.reports.get().text == "I waited for 25 minutes."
    assert ProviderEvent.objects.filter(body__contains="lena@example.com").count() == 1
    zofia.refresh_from_db()
    assert (zofia.name, zofia.erased_at) == (ERASED_NAME, NOW + 2 * DAY)


def test_whoever_is_interrupted_is_finished_by_the_sweep(
    maya: Expert, monkeypatch: pytest.MonkeyPatch
) -> None:
    zofia = lived(maya)
    begin(zofia.pk, by=None, reason="They asked.", now=NOW + 2 * DAY)
    monkeypatch.setattr(steps, "AT_ONCE", 1)
    monkeypatch.setattr(steps, "READ_AT_ONCE", 1)
    one_step = erasing._one_step
    done = 0

    def killed(erasure: Erasure, *, now: Any) -> bool:
        nonlocal done
        done += 1
        if done % 3 == 0:
            raise SystemExit
        return one_step(erasure, now=now)

    monkeypatch.setattr(erasing, "_one_step", killed)
    times = 0
    while Erasure.objects.filter(finished_at=None).exists():
        times += 1
        try:
            erasing.finish_all(now=NOW + 2 * DAY)
        except SystemExit:
            continue
    assert times > 5
    assert traces() == []


def test_once_more_finds_the_same_and_does_nothing(maya: Expert) -> None:
    zofia = make_in_state(State.REFUNDED).follower
    zofia.bookings.update(undo_until=None)
    Refund.objects.update(state="succeeded")
    assert erase(zofia) == erase(zofia)


# --- when it is refused ---------------------------------------------------------------------------


def coming() -> Booking:
    return make_booking(starts_at=NOW + 3 * DAY)


def in_state(state: State) -> Any:
    return lambda: make_in_state(state)


def undoable() -> Booking:
    booking = make_in_state(State.COMPLETED)
    Booking.objects.filter(pk=booking.pk).update(undo_until=NOW + 3 * DAY)
    return booking


def refund_in(state: str) -> Any:
    def make() -> Booking:
        booking = make_in_state(State.REFUNDED)
        Booking.objects.filter(pk=booking.pk).update(undo_until=None)
        Refund.objects.filter(booking=booking).update(state=state)
        return booking

    return make


def disputed() -> Booking:
    booking = make_booking()
    Payment.objects.filter(booking=booking).update(is_disputed=True)
    return booking


def buying() -> Booking:
    booking = make_booking()
    make_checkout(state="open", email=booking.follower.email.upper(), request_key="again")
    return booking


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (coming, "is still to come"),
        (in_state(State.NO_SHOW_REPORTED), "a no-show is reported"),
        (in_state(State.RESCHEDULE_OFFERED), "waits for a new time"),
        (in_state(State.CONTESTED), "is contested"),
        (undoable, "can still be undone"),
        *((refund_in(state), "is not finished") for state in
          ("due", "sending", "accepted", "unknown", "declined", "reversed", "manual_due")),
        (disputed, "disputes"),
        (buying, "a purchase with this address is not finished"),
    ],
)  # fmt: skip
def test_not_while_something_is_open(make: Any, why: str) -> None:
    follower = make().follower
    name = follower.name
    with pytest.raises(TransitionNotAllowed, match=why):
        begin(follower.pk, by=None, reason="They asked.", now=NOW + 2 * DAY)
    follower.refresh_from_db()
    assert follower.name == name
    assert not Erasure.objects.exists()


def test_a_reason_that_names_the_person_is_refused() -> None:
    follower = make_booking().follower
    with pytest.raises(TransitionNotAllowed, match="does not name"):
        begin(follower.pk, by=None, reason="Priya wrote to us.", now=NOW + 2 * DAY)


# --- afterwards -----------------------------------------------------------------------------------


def test_links_of_earlier_mails_lead_nowhere(client: Client, at_now: None) -> None:
    booking = make_booking()
    url = links.url(links.ensure(booking, "status", now=NOW))
    assert client.get(url).status_code == 200
    erase(booking.follower)
    assert client.get(url).status_code == 404


def test_nobody_reports_for_them_and_nobody_offers_them_a_time() -> None:
    booking = make_booking()
    erase(booking.follower)
    with pytest.raises(TransitionNotAllowed, match="Your data was erased"):
        report(booking)
    with pytest.raises(TransitionNotAllowed, match="nobody could pick"):
        offer(booking)


def test_what_happens_later_is_mailed_to_nobody() -> None:
    booking = make_booking()
    erase(booking.follower)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW + 2 * DAY)
    mails = OutboxEmail.objects.filter(booking=booking, audience="follower")
    assert mails.exists()
    emails.deliver_all(list(mails.values_list("pk", flat=True)), now=NOW + 3 * DAY)
    assert set(mails.values_list("state", flat=True)) == {"cancelled"}
    assert not StoredMessage.objects.exists()


def test_the_same_address_may_buy_again_as_a_new_person(maya: Expert) -> None:
    from bookings.checkouts import settling

    booking = make_booking(maya)
    address = booking.follower.email
    erase(booking.follower)
    checkout = make_checkout(state="open", email=address, name="Priya Nair", request_key="new")
    assert settling._follower(checkout).pk != booking.follower_id


def test_pages_of_the_expert_read_well_afterwards(client: Client, at_now: None) -> None:
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(answers=[["What?", "My secret."]])
    report(booking)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    for minutes in (1, 2):
        refunds.drive([Refund.objects.get().pk], now=NOW + minutes * MINUTE)
    erase(booking.follower)
    client.force_login(booking.expert.user)
    page = client.get(f"/bookings/{booking.code}/")
    assert page.status_code == 200
    assert ERASED_NAME in page.content.decode()
    assert "erased.invalid" not in page.content.decode()
    for path in ("/upcoming/", "/need-action/", "/completed/"):
        assert client.get(path).status_code in (200, 404)
