"""A time zone nobody knows, or limits that cannot be read: that row says so, all others are there.

Such a value comes from an older machine, a restored database or somebody's SQL. Each page shows the
booking with UTC or the limits of today in place of what is wrong, and staff is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import JSONField, Value
from django.test import Client
from django.utils import timezone

from bookings import emails, formats, slots, sweeps, unreadable
from bookings.forms.fields import LocalDateTimeField
from bookings.models import Booking, Expert, Follower, OutboxEmail, SetAside, User
from bookings.policy import Policy
from bookings.states import State
from tests.builders import DAY, HOUR, make_booking, make_expert, make_follower, make_in_state
from tests.follower_pages import PAGES, address, read
from tests.outbox_rows import rendered
from tests.staff_pages import url

ZONES = [
    "Mars/Phobos",
    "",
    "asia/kolkata",
    "../../etc/passwd",
    "/UTC",
    "UTC+5",
    "localtime",
    "x" * 64,
]
"""Names no machine knows, or that would lead out of the folder of zones."""
POLICIES = [
    [], None, "72h", 7, {"no_show_window": "72h"}, {"grace": None}, {"grace": -1},
    {"no_show_window": 1e300}, {"offer_window": True}, {"report_window": {"days": 3}},
    {"expert_reminders": 5}, {"expert_reminders": [3600, "6h"]}, {"min_offer_slots": "two"},
    {"min_offer_slots": 2.5},
]  # fmt: skip
LISTS = {
    "need_action": "/need-action/",
    "waiting": "/need-action/waiting/",
    "completed": "/completed-calls/",
    "upcoming": "/upcoming/",
}
OPENS = (200, 302, 404, 405, 410)
LIMITS = "The limits this booking was made under cannot be read."


def in_every_list(expert: Expert, follower: Follower, now: datetime) -> dict[str, Booking]:
    one = {"expert": expert, "follower": follower}
    return {
        "need_action": make_in_state(State.NO_SHOW_REPORTED, now=now, **one),
        "waiting": make_in_state(State.RESCHEDULE_OFFERED, now=now - DAY, **one),
        "completed": make_booking(**one, now=now - 2 * DAY),
        "upcoming": make_booking(**one, now=now, starts_at=now + DAY),
    }


def spoil(bookings: Any, policy: Any) -> None:
    ids = [booking.pk for booking in bookings]
    Booking.objects.filter(pk__in=ids).update(policy=Value(policy, JSONField()))


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_limit_that_cannot_be_read_is_the_one_in_force(policy: Any) -> None:
    booking = Booking(policy=policy)
    assert booking.limits == Policy.in_force()
    wanted = set(policy) if isinstance(policy, dict) else set(Policy.__slots__)
    assert set(booking.unreadable_limits) == wanted


def test_the_other_limits_stay_those_of_the_booking() -> None:
    stored = {**Policy.in_force().to_json(), "grace": 5.0, "offer_window": "soon"}
    booking = Booking(policy=stored)
    assert booking.limits.grace == timedelta(seconds=5)
    assert booking.unreadable_limits == ("offer_window",)
    assert Booking(policy={}).unreadable_limits == ()
    assert Booking(policy=Policy.in_force().to_json()).unreadable_limits == ()


@pytest.mark.django_db
@pytest.mark.parametrize("policy", POLICIES[:6], ids=str)
def test_a_list_shows_the_row_with_what_is_wrong_and_every_other_row(
    client: Client, maya: Expert, policy: Any
) -> None:
    now = timezone.now()
    bad = in_every_list(maya, make_follower("Bad Row"), now)
    good = in_every_list(maya, make_follower("Good Row"), now - 5 * HOUR)
    spoil(bad.values(), policy)
    client.force_login(maya.user)
    for name, path in LISTS.items():
        page = client.get(path)
        assert page.status_code == 200
        html = page.content.decode()
        assert f"/bookings/{good[name].code}/" in html
        assert f"/bookings/{bad[name].code}/" in html
        shown = [booking for booking in bad.values() if f"id=call-{booking.code}" in html]
        assert read(page).count(LIMITS) == len(shown) > 0
    for booking in bad.values():
        assert LIMITS in read(client.get(f"/bookings/{booking.code}/"))
    for booking in good.values():
        assert LIMITS not in read(client.get(f"/bookings/{booking.code}/"))


@pytest.mark.django_db
def test_the_followers_pages_say_it_too(client: Client) -> None:
    now = timezone.now()
    for booking in in_every_list(make_expert(), make_follower(), now).values():
        spoil([booking], ["nothing"])
        for purpose, name in PAGES:
            assert client.get(address(booking, purpose, name)).status_code in OPENS
        assert LIMITS in read(client.get(address(booking, "status")))


@pytest.mark.django_db
def test_a_passed_deadline_waits_for_a_person_and_keeps_nobody_waiting() -> None:
    """What its clock has promised is not known: staff gives it limits, and it goes on."""
    now = timezone.now()
    late = make_in_state(State.NO_SHOW_REPORTED, now=now - 4 * DAY)
    also = make_in_state(State.NO_SHOW_REPORTED, now=now - 4 * DAY)
    spoil([late], {"grace": "soon", "expert_reminders": 3})
    Follower.objects.filter(pk=late.follower_id).update(time_zone="Mars/Phobos")
    sweeps.run(now=now)
    also.refresh_from_db()
    assert also.state == State.REFUNDED
    assert set(SetAside.objects.values_list("booking", flat=True)) == {late.pk}
    assert OutboxEmail.objects.filter(kind="staff_bookings_set_aside").exists()


# --- time zones -------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
def test_times_in_an_unknown_zone_are_shown_in_utc(zone: str) -> None:
    instant = datetime.fromisoformat("2026-11-20T12:30+00:00")
    assert formats.moment(instant, zone, "24") == "Fri 20 Nov, 12:30"
    assert formats.zone_place(zone) == formats.zone_abbreviation(instant, zone) == "UTC"
    assert LocalDateTimeField(zone=zone).clean("2026-11-20T12:30") == instant


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES[:3])
def test_an_experts_pages_work_in_utc_and_say_why(client: Client, zone: str) -> None:
    now = timezone.now()
    expert = make_expert()
    bookings = in_every_list(expert, make_follower(), now)
    Expert.objects.filter(pk=expert.pk).update(time_zone=zone)
    client.force_login(expert.user)
    others = ["/account/", "/account/availability/", "/support/"]
    details = [f"/bookings/{booking.code}/" for booking in bookings.values()]
    for path in [*LISTS.values(), *others, *details]:
        page = client.get(path)
        assert page.status_code == 200
        assert f"Your time zone, “{zone}”, is not known here." in read(page)
        assert "Times in UTC" in read(page)
    for action in ("reschedule", "mark-completed", "refund"):
        path = f"/bookings/{bookings['need_action'].code}/{action}/"
        assert client.get(path).status_code == 200


@pytest.mark.django_db
def test_nobody_can_book_where_the_hours_mean_nothing(client: Client) -> None:
    expert = make_expert()
    now = timezone.now()
    booking = make_in_state(State.RESCHEDULE_OFFERED, now=now, expert=expert)
    service = booking.service
    assert slots.free_of(service, now=now)
    Expert.objects.filter(pk=expert.pk).update(time_zone="Mars/Phobos")
    service.refresh_from_db()
    service.expert.refresh_from_db()
    assert slots.free_of(service, now=now) == []
    for path in (f"/with/{expert.slug}/{service.pk}/", address(booking, "pick")):
        assert client.get(path).status_code == 200


@pytest.mark.django_db
def test_a_followers_unknown_zone_is_told_to_both_sides(client: Client, maya: Expert) -> None:
    now = timezone.now()
    lena = make_follower("Lena Vogt", time_zone="Mars/Phobos")
    bookings = in_every_list(maya, lena, now)
    for booking in bookings.values():
        for purpose, name in PAGES:
            assert client.get(address(booking, purpose, name)).status_code in OPENS
        text = read(client.get(address(booking, "status")))
        assert "Your time zone, “Mars/Phobos”, is not known here." in text
        assert "All times are in UTC." in text
    client.force_login(maya.user)
    told = "Lena’s time zone, “Mars/Phobos”, is not known here."
    for path in [*LISTS.values(), *(f"/bookings/{one.code}/" for one in bookings.values())]:
        page = client.get(path)
        assert page.status_code == 200
        assert told in read(page)


@pytest.mark.django_db
def test_their_mails_name_utc() -> None:
    booking = make_in_state(
        State.NO_SHOW_REPORTED,
        expert=make_expert(time_zone="Mars/Phobos"),
        follower=make_follower(time_zone=""),
    )
    for kind in ("report_received", "no_show_reported"):
        assert "(UTC)" in rendered(kind, booking, now=timezone.now()).text


@pytest.mark.django_db
def test_the_account_asks_for_another_zone(client: Client) -> None:
    expert = make_expert(time_zone="Mars/Phobos")
    client.force_login(expert.user)
    form = {"name": expert.name, "time_zone": "Mars/Phobos", "clock": "24", "theme": "system"}
    assert client.post("/account/", form).status_code != 302
    client.post("/account/", {**form, "time_zone": "Asia/Kolkata"})
    expert.refresh_from_db()
    assert expert.time_zone == "Asia/Kolkata"


# --- staff ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_staff_sees_which_booking_it_is_and_what_is_wrong(client: Client, staff: User) -> None:
    bad, good = make_booking(), make_booking()
    spoil([bad], {"no_show_window": "72h", "grace": None})
    Follower.objects.filter(pk=bad.follower_id).update(time_zone="Mars/Phobos")
    page = read(client.get(url(bad)))
    assert "These limits of the booking cannot be read: no_show_window, grace." in page
    assert "The time zone of the follower Priya Nair, “Mars/Phobos”, is not known here." in page
    assert "cannot be read" not in read(client.get(url(good)))
    listed = client.get("/admin/bookings/booking/")
    assert listed.content.decode().count("Cannot be read in full") == 1
    for person in (bad.follower, bad.expert):
        assert client.get(url(person)).status_code == 200


@pytest.mark.django_db
def test_the_sweep_tells_staff_once(staff: User) -> None:
    now = timezone.now()
    make_booking()
    assert sweeps.read_on(now=now) == 0
    assert not OutboxEmail.objects.filter(kind="staff_unreadable").exists()
    bad = make_booking()
    spoil([bad], None)
    for minutes in range(3):
        sweeps.run(now=now + timedelta(minutes=minutes))
    [mail] = OutboxEmail.objects.filter(kind="staff_unreadable")
    emails.deliver_all([mail.pk], now=now)
    text = " ".join(rendered("staff_unreadable", None, now=now, facts=mail.facts).text.split())
    assert f"{bad.code}: These limits of the booking cannot be read: no_show_window" in text


@pytest.mark.django_db
def test_every_booking_is_read_sooner_or_later(
    monkeypatch: pytest.MonkeyPatch, maya: Expert
) -> None:
    monkeypatch.setattr(sweeps, "READ_AT_ONCE", 2)
    now = timezone.now()
    bookings = [make_booking(maya, now=now - n * DAY) for n in range(5)]
    spoil([bookings[4]], 5)
    assert [sweeps.read_on(now=now) for _ in range(6)] == [0, 0, 1, 0, 0, 1]
    assert OutboxEmail.objects.filter(kind="staff_unreadable").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_verify_names_the_booking(policy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    bad = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    call_command("verify")
    spoil([bad], policy)
    with pytest.raises(CommandError, match="1 of "):
        call_command("verify")
    out = capsys.readouterr().out
    assert "limits_can_be_read" in out
    assert bad.code in out


@pytest.mark.django_db
@pytest.mark.parametrize("side", ["expert", "follower"])
def test_verify_names_the_booking_of_an_unknown_zone(
    side: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = make_booking(now=timezone.now())
    person = getattr(bad, side)
    type(person).objects.filter(pk=person.pk).update(time_zone="Mars/Phobos")
    with pytest.raises(CommandError, match="1 of "):
        call_command("verify")
    assert "zones_are_known\n       Not so: " in capsys.readouterr().out


def test_what_is_right_needs_no_sentence() -> None:
    booking = Booking(
        policy=Policy.in_force().to_json(),
        expert=Expert(name="Maya", time_zone="Asia/Kolkata"),
        follower=Follower(name="Lena", time_zone="Europe/Berlin"),
    )
    for told in (unreadable.for_expert, unreadable.for_follower, unreadable.for_staff):
        assert told(booking) == []
