"""What is known of a person can be handed out, and erased, by whoever may do that."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from bookings import housekeeping, invariants, lifecycle, personal_data, sweeps
from bookings.models import (
    Booking,
    Erasure,
    Expert,
    Follower,
    Heartbeat,
    Invitation,
    OutboxEmail,
    PrivateLink,
    StaffAct,
    User,
)
from bookings.models.people import ERASED_NAME
from bookings.states import State
from tests.builders import (
    DAY,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    offer,
    report,
)

pytestmark = pytest.mark.django_db


def written(sections: list[personal_data.Section]) -> Any:
    return json.loads("".join(personal_data.as_json(sections)))


def lived() -> Booking:
    lena = make_follower("Lena Vogel", email="lena@example.com")
    booking = make_booking(follower=lena)
    Booking.objects.filter(pk=booking.pk).update(answers=[["What for?", "My talk"]])
    offer(report(booking), note="Sorry, I was ill.")
    return booking


def erase_url(follower: Follower) -> str:
    return f"/admin/bookings/follower/{follower.pk}/erase/"


def reason(**more: str) -> dict[str, str]:
    return {"reason": "They asked by letter.", "request_key": "k", **more}


# --- what is in it --------------------------------------------------------------------------------


def test_a_follower_gets_what_they_gave_and_did() -> None:
    booking = lived()
    data = written(personal_data.of_follower(booking.follower))
    assert data["person"][0]["email"] == "lena@example.com"
    (call,) = data["bookings"]
    assert call["answers"] == [["What for?", "My talk"]]
    assert call["reports"][0]["text"] == "I waited for 25 minutes."
    assert call["told_by_the_expert"] == ["Sorry, I was ill."]
    assert call["price"] == "₹2,400"
    notes = [line.get("note") for line in call["history"]]
    assert "I waited for 25 minutes." in notes
    assert "Sorry, I was ill." not in notes


def test_an_expert_gets_their_own_and_of_followers_only_what_they_see() -> None:
    booking = lived()
    data = written(personal_data.of_expert(booking.expert))
    assert data["person"][0]["email"] == booking.expert.user.email
    assert data["services"][0]["title"] == booking.service.title
    assert data["bookings"][0]["offers"][0]["note"] == "Sorry, I was ill."
    assert data["bookings"][0]["follower"] == "Lena Vogel"
    assert "lena@example.com" not in json.dumps(data)
    assert "password" not in json.dumps(data)


def test_many_bookings_are_read_in_batches(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    maya = make_expert()
    for hours in range(5):
        make_booking(maya, starts_at=NOW - timedelta(hours=3 + 2 * hours))
    monkeypatch.setattr(personal_data, "AT_ONCE", 2)
    bookings = next(one for one in personal_data.of_expert(maya) if one.key == "bookings")
    rows = iter(bookings.rows())
    with django_assert_max_num_queries(10):
        next(rows)
    assert len(list(rows)) == 4
    monkeypatch.setattr(personal_data, "SHOWN_AT_MOST", 3)
    page = next(one for one in personal_data.as_page([bookings]))
    assert (len(page.rows), page.is_cut) == (3, True)


# --- who gets it ----------------------------------------------------------------------------------


def test_experts_read_and_download_their_own(client: Client) -> None:
    booking = lived()
    client.force_login(booking.expert.user)
    page = client.get("/account/data/").content.decode()
    assert "Sorry, I was ill." in page
    assert booking.code in page
    answer = client.get("/account/data/file/")
    assert answer["Content-Disposition"] == 'attachment; filename="your-data.json"'
    data = json.loads(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    assert data["bookings"][0]["code"] == booking.code
    assert "/account/data/" in client.get("/account/").content.decode()


@pytest.mark.parametrize("kind", ["follower", "expert"])
def test_staff_exports_with_a_reason(client: Client, staff: User, kind: str) -> None:
    booking = lived()
    row = getattr(booking, kind)
    url = f"/admin/bookings/{kind}/{row.pk}/export/"
    assert url in client.get(f"/admin/bookings/{kind}/{row.pk}/change/").content.decode()
    assert client.get(url).status_code == 200
    assert not StaffAct.objects.exists(), "asking for the reason does nothing"
    assert client.post(url, {"request_key": "k"}).status_code == 422
    page = client.post(url, reason(page="Show as a page")).content.decode()
    assert booking.code in page
    answer = client.post(url, reason(file="Download as a file"))
    assert json.loads(b"".join(answer.streaming_content))["bookings"]  # type: ignore[attr-defined]
    acts = StaffAct.objects.all()
    assert {act.what for act in acts} == {"Exported a person’s data"}
    assert {getattr(act, kind) for act in acts} == {row}


def test_the_command_writes_a_file_for_its_owner_only(tmp_path: Path) -> None:
    lived()
    path = tmp_path / "lena.json"
    call_command("export_person", "Lena@Example.com", json=path)
    assert json.loads(path.read_text())["person"][0]["name"] == "Lena Vogel"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert StaffAct.objects.get().follower == Follower.objects.get()
    with pytest.raises(CommandError, match="cannot be made"):
        call_command("export_person", "lena@example.com", json=path)
    with pytest.raises(CommandError, match="Nobody has"):
        call_command("export_person", "nobody@example.com")


# --- erasing by staff -----------------------------------------------------------------------------


def test_staff_erases_after_reading_what_goes(client: Client, staff: User) -> None:
    follower = make_booking().follower
    page = client.get(erase_url(follower)).content.decode()
    assert "What goes, for good" in page
    assert not Erasure.objects.exists()
    assert client.post(erase_url(follower), {"request_key": "k"}).status_code == 422
    assert client.post(erase_url(follower), reason()).status_code == 302
    follower.refresh_from_db()
    assert follower.name == ERASED_NAME
    act = StaffAct.objects.get()
    assert (act.what, act.by, act.follower) == ("Erased a follower", staff, follower)
    assert client.get(f"/admin/bookings/follower/{follower.pk}/change/").status_code == 200
    assert client.post(erase_url(follower), reason()).status_code == 403
    assert client.get(f"/admin/bookings/booking/{follower.bookings.get().pk}/change/")


def test_the_page_says_why_it_cannot_be_done_yet(client: Client, staff: User) -> None:
    follower = make_in_state(State.CONTESTED).follower
    assert "is contested" in client.get(erase_url(follower)).content.decode()
    assert client.post(erase_url(follower), reason()).status_code == 409
    assert not Erasure.objects.exists()


def test_an_expert_is_not_erased(client: Client, staff: User, maya: Expert) -> None:
    assert client.get(f"/admin/bookings/expert/{maya.pk}/erase/").status_code == 404
    with pytest.raises(CommandError, match="account of an expert"):
        call_command("erase_person", maya.user.email)


def test_staff_does_not_erase_their_own_followers(client: Client) -> None:
    booking = make_booking()
    user = booking.expert.user
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=user.pk))
    assert client.get(erase_url(booking.follower)).status_code == 403
    assert client.post(erase_url(booking.follower), reason()).status_code == 403


def test_the_command_erases_and_says_why_not() -> None:
    follower = make_booking(follower=make_follower(email="Zoe@Example.com")).follower
    call_command("erase_person", "zoe@example.com")
    follower.refresh_from_db()
    assert follower.erased_at is not None
    with pytest.raises(CommandError, match="No follower"):
        call_command("erase_person", "zoe@example.com")
    reported = make_in_state(State.NO_SHOW_REPORTED).follower
    with pytest.raises(CommandError, match="a no-show is reported"):
        call_command("erase_person", reported.email)


# --- what is kept how long ------------------------------------------------------------------------


def test_old_rows_of_emails_and_links_go_and_verify_stays_clean(settings: Any) -> None:
    booking = make_booking()
    report(booking)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    OutboxEmail.objects.update(state="sent", next_attempt_at=None, sent_at=NOW)
    OutboxEmail.objects.filter(pk=OutboxEmail.objects.latest("pk").pk).update(state="queued")
    waiting = OutboxEmail.objects.filter(state="queued").count()
    before, late = OutboxEmail.objects.count(), NOW + timedelta(days=401)
    assert before > waiting
    assert housekeeping.mails(now=late - timedelta(days=2)) == 0
    assert housekeeping.mails(now=late) == before - waiting
    assert housekeeping.mails(now=late) == 0
    assert list(invariants.ALL["promised_mail_is_written"].offenders(late)) == []
    links = PrivateLink.objects.count()
    assert links
    assert housekeeping.links(now=NOW + timedelta(days=489)) == 0
    assert housekeeping.links(now=NOW + timedelta(days=491)) == links


def test_old_rows_are_read_from_where_the_last_sweep_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housekeeping, "FORGET_AT_MOST", 2)
    for _ in range(3):
        report(make_booking())
    OutboxEmail.objects.update(state="sent", next_attempt_at=None, created_at=NOW)
    ids = list(OutboxEmail.objects.order_by("pk").values_list("pk", flat=True))
    assert housekeeping.mails(now=NOW + timedelta(days=500)) == 2
    assert Heartbeat.objects.get(name="mails_forgotten").counts == {"last": ids[1]}


def test_invitations_that_led_to_nothing_go(maya: Expert) -> None:
    def invited(email: str, **more: Any) -> None:
        Invitation.objects.create(
            email=email, created_at=NOW, sent_at=NOW, expires_at=NOW + 14 * DAY, **more
        )

    invited("old@example.com")
    invited("revoked@example.com", revoked_at=NOW + DAY)
    invited("here@example.com", accepted_at=NOW, expert=maya)
    assert housekeeping.invitations(now=NOW + 92 * DAY) == 1
    assert housekeeping.invitations(now=NOW + 105 * DAY) == 1
    assert Invitation.objects.get().email == "here@example.com"


def test_the_sweep_does_all_of_it() -> None:
    assert {*housekeeping.ALL} >= {housekeeping.mails, housekeeping.links}
    assert sweeps.forget_old(now=NOW) == 0
