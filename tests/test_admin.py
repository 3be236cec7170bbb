"""The admin: read-only rows, actions through the verbs with a reason, a report for each row."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings import timeline
from bookings.forms.staff import to_minor
from bookings.models import (
    Booking,
    Expert,
    Heartbeat,
    HelpFeedback,
    OutboxEmail,
    OutboxState,
    Refund,
    RefundState,
    SupportRequest,
    User,
    WeeklyHours,
)
from bookings.states import Actor, ActorKind, State
from tests.builders import (
    DAY,
    HOUR,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    make_staff,
    make_user,
)

pytestmark = pytest.mark.django_db
OURS: list[type[Model]] = [
    model for model in admin.site._registry if model._meta.app_label == "bookings"
]
EDITABLE = {"expert", "follower", "user", "supportrequest"}


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff("staff@example.com")
    client.force_login(user)
    return user


def url(row: Model, page: str = "change") -> str:
    return reverse(f"admin:bookings_{row._meta.model_name}_{page}", args=[row.pk])


def act(
    client: Client, rows: list[Any], action: str, reason: str = "Both agreed.", **more: str
) -> str:
    """Press the button of the page that asks for the reason; the messages it leaves."""
    address = reverse(f"admin:bookings_{rows[0]._meta.model_name}_act", args=[action])
    ids = ",".join(str(row.pk) for row in rows)
    form = client.get(f"{address}?ids={ids}")
    key = re.search(r'name="request_key" value="([^"]+)"', form.content.decode())
    assert key is not None, form.content.decode()
    data = {"ids": ids, "request_key": key[1], "reason": reason, **more}
    response = client.post(address, data, follow=True)
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


# --- who may come in ------------------------------------------------------------------------


def test_visitors_are_sent_to_our_sign_in_and_experts_find_nothing(client: Client) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/sign-in/?next=/admin/"
    client.force_login(make_expert().user)
    for path in ("/admin/", "/admin/bookings/refund/", "/admin/policy/", "/admin/login/"):
        assert client.get(path).status_code == 404


def test_every_list_and_every_row_opens(client: Client, staff: User) -> None:
    for state in State:
        make_in_state(state)
    for model in OURS:
        page = client.get(reverse(f"admin:bookings_{model._meta.model_name}_changelist"))
        assert page.status_code == 200, model
        for row in model._default_manager.all()[:3]:
            assert client.get(url(row)).status_code == 200, row
    assert client.get("/admin/").status_code == 200


# --- what may not be done -------------------------------------------------------------------


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_nothing_can_be_deleted_even_by_a_superuser(
    client: Client, staff: User, model: type[Model]
) -> None:
    make_in_state(State.CONTESTED)
    make_in_state(State.REFUNDED)
    HelpFeedback.objects.create(article="no-shows", is_helpful=True)
    rows = model._default_manager.all()
    before = rows.count()
    name = model._meta.model_name
    for row in rows[:1]:
        assert client.post(url(row, "delete"), {"post": "yes"}).status_code == 403
        assert url(row, "delete") not in client.get(url(row)).content.decode()
    ids = [row.pk for row in rows]
    client.post(
        reverse(f"admin:bookings_{name}_changelist"),
        {"action": "delete_selected", "_selected_action": ids, "post": "yes", "index": "0"},
    )
    assert rows.count() == before


@pytest.mark.parametrize(
    "model",
    [model for model in OURS if model._meta.model_name not in EDITABLE],
    ids=lambda model: model._meta.model_name,
)
def test_rows_that_only_the_verbs_write_cannot_be_edited_or_added(
    client: Client, staff: User, model: type[Model]
) -> None:
    make_in_state(State.CONTESTED)
    make_in_state(State.REFUNDED)
    Heartbeat.objects.get_or_create(name="sweep", defaults={"finished_at": timezone.now()})
    HelpFeedback.objects.create(article="no-shows", is_helpful=True)
    row = model._default_manager.first()
    assert row is not None
    before = list(model._default_manager.values_list())
    every_field = {field.name: "1" for field in model._meta.concrete_fields}
    assert client.post(url(row), {**every_field, "state": "refunded"}).status_code == 403
    assert client.get(reverse(f"admin:bookings_{model._meta.model_name}_add")).status_code == 403
    assert list(model._default_manager.values_list()) == before


def test_a_booking_shows_its_history_but_never_the_key_of_a_private_link(
    client: Client, staff: User
) -> None:
    booking = make_in_state(State.CONTESTED)
    html = client.get(url(booking)).content.decode()
    assert "No-show reported" not in html
    assert "We never spoke." in html
    assert "Mark as completed" in html
    links = list(booking.links.all())
    assert links
    for link in links:
        assert link.key not in html


def test_there_is_no_page_for_stored_messages_or_private_links() -> None:
    names = {model.__name__ for model in admin.site._registry}
    assert not names & {"StoredMessage", "PrivateLink", "TimelineEvent", "SandboxRefund"}


# --- actions --------------------------------------------------------------------------------


def test_opening_the_page_of_an_action_changes_nothing(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    address = reverse("admin:bookings_booking_act", args=["refund"])
    page = client.get(f"{address}?ids={booking.pk}")
    assert "Refund now" in page.content.decode()
    assert fresh(booking).version == booking.version


def test_a_refund_needs_a_reason_and_keeps_it(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    assert "Give a reason." in act(client, [booking], "refund", reason="  ")
    assert fresh(booking).state == State.NO_SHOW_REPORTED

    said = act(client, [booking], "refund", reason="The expert is in hospital.")
    assert f"{booking.code}: Refunded." in said
    assert fresh(booking).state == State.REFUNDED
    event = booking.events.get(verb="refund_now")
    assert (event.actor, event.actor_kind) == (staff, "staff")
    assert event.note == "The expert is in hospital."
    assert Refund.objects.get(booking=booking).amount_minor == 240000
    assert "hospital" in LogEntry.objects.get().change_message


def test_staff_may_refund_a_part_in_major_units(client: Client, staff: User) -> None:
    booking = make_in_state(State.COMPLETED, now=timezone.now())
    assert "₹1,200.50 goes back." in act(client, [booking], "refund", amount="1,200.50")
    assert Refund.objects.get(booking=booking).amount_minor == 120050


def test_more_than_was_paid_is_refused_with_a_sentence(client: Client, staff: User) -> None:
    booking = make_in_state(State.COMPLETED, now=timezone.now())
    said = act(client, [booking], "refund", amount="2400.01")
    assert f"{booking.code}: The amount must be more than zero" in said
    assert fresh(booking).state == State.COMPLETED
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("15", "INR", 1500), ("15.5", "EUR", 1550), ("9,000", "JPY", 9000), ("1.234", "KWD", 1234)],
)
def test_amounts_are_read_in_the_currencys_own_units(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "abc", "0", "-5", "1.005", "NaN", "Infinity", "1e309", "1e999999999", "١٫٥", "--1"]
)
def test_amounts_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        to_minor(text, "INR")


def test_each_row_gets_its_own_report_and_one_refusal_stops_no_other(
    client: Client, staff: User
) -> None:
    now = timezone.now()
    future = make_booking(now=now, starts_at=now + DAY)
    past = make_booking(now=now)
    said = act(client, [future, past], "cancel", reason="The site moves.")
    assert f"{future.code}: Cancelled, everything paid goes back." in said
    assert f"{past.code}: A call that has started cannot be cancelled." in said
    assert (fresh(future).state, fresh(past).state) == (State.CANCELLED, State.SCHEDULED)


def test_chosen_rows_lead_to_the_page_that_asks_for_the_reason(client: Client, staff: User) -> None:
    bookings = [make_booking(), make_booking()]
    response = client.post(
        reverse("admin:bookings_booking_changelist"),
        {"action": "refund", "_selected_action": [b.pk for b in bookings], "index": "0"},
        follow=True,
    )
    html = response.content.decode()
    assert all(booking.code in html for booking in bookings)
    assert 'name="amount"' not in html, "an amount only goes with one booking"
    assert {fresh(b).state for b in bookings} == {State.SCHEDULED}


def test_the_same_form_sent_twice_acts_once(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    address = reverse("admin:bookings_booking_act", args=["refund"])
    data = {"ids": str(booking.pk), "request_key": "one-form", "reason": "Twice."}
    for _ in range(2):
        said = client.post(address, data, follow=True).content.decode()
        assert f"{booking.code}: Refunded." in said
    assert Refund.objects.count() == 1


def test_staff_decides_a_contested_call(client: Client, staff: User) -> None:
    taken_place, in_part = (make_in_state(State.CONTESTED, now=timezone.now()) for _ in range(2))
    said = act(client, [taken_place], "decide", decision="completed", reason="The log shows it.")
    assert "Decided: completed." in said
    assert fresh(taken_place).state == State.COMPLETED

    contest = in_part.contests.get()
    page = client.get(reverse("admin:bookings_contest_act", args=["decide"]) + f"?ids={contest.pk}")
    assert "We never spoke." in page.content.decode(), "both sides are there to be read"
    act(client, [contest], "decide", decision="refunded", amount="1000", reason="Half of it.")
    contest.refresh_from_db()
    assert (contest.decision, contest.decided_by) == ("refunded", staff)
    assert contest.decision_reason == "Half of it."
    assert Refund.objects.get(booking=in_part).amount_minor == 100000


def test_a_decision_must_be_chosen(client: Client, staff: User) -> None:
    booking = make_in_state(State.CONTESTED, now=timezone.now())
    assert "Choose a decision." in act(client, [booking], "decide")
    said = act(client, [booking], "decide", decision="completed", amount="5")
    assert "An amount only goes with a refund." in said
    assert fresh(booking).state == State.CONTESTED


def test_nobody_decides_their_own_case(client: Client) -> None:
    maya = make_expert()
    User.objects.filter(pk=maya.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=maya.user_id))
    booking = make_in_state(State.CONTESTED, now=timezone.now(), expert=maya)
    assert "Decide…" not in client.get(url(booking)).content.decode()
    said = act(client, [booking], "decide", decision="completed", reason="I say so.")
    assert "Nobody decides their own case." in said
    assert fresh(booking).state == State.CONTESTED


def test_only_actions_that_are_allowed_now_have_a_button(client: Client, staff: User) -> None:
    booking = make_in_state(State.REFUNDED)
    html = client.get(url(booking)).content.decode()
    assert not re.findall(r'class="act"', html)
    reported = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    html = client.get(url(reported)).content.decode()
    assert re.findall(r'class="act"[^>]*>([^<]+)<', html) == ["Refund now…"]


def test_looking_without_the_right_to_act_is_only_looking(client: Client) -> None:
    reader = make_user("reader@example.com", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_booking"))
    client.force_login(reader)
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    html = client.get(url(booking)).content.decode()
    assert 'class="act"' not in html
    address = reverse("admin:bookings_booking_act", args=["refund"])
    data = {"ids": str(booking.pk), "request_key": "k", "reason": "No right."}
    assert client.post(address, data).status_code == 403
    assert client.get(reverse("admin:bookings_refund_changelist")).status_code == 403
    assert "Refunds that need staff" not in client.get("/admin/").content.decode()
    assert fresh(booking).state == State.NO_SHOW_REPORTED


@pytest.mark.parametrize("ids", ["", "0", "abc", "1;2", "9" * 40, "-1", "1,,x"])
def test_ids_that_are_none_lead_back_to_the_list(client: Client, staff: User, ids: str) -> None:
    address = reverse("admin:bookings_booking_act", args=["refund"])
    response = client.get(address, {"ids": ids}, follow=True)
    assert "Choose at least one row." in response.content.decode()
    assert client.get(reverse("admin:bookings_booking_act", args=["explode"])).status_code == 404


# --- refunds and e-mails --------------------------------------------------------------------


def declined() -> Refund:
    booking = make_in_state(State.REFUNDED)
    Refund.objects.filter(booking=booking).update(
        state=RefundState.DECLINED, next_attempt_at=None, finished_at=timezone.now()
    )
    return Refund.objects.get(booking=booking)


def test_a_declined_refund_is_in_the_queue_and_can_be_tried_again(
    client: Client, staff: User
) -> None:
    refund, other = declined(), make_in_state(State.REFUNDED)
    html = client.get("/admin/bookings/refund/?needs=staff").content.decode()
    assert refund.booking.code in html
    assert other.code not in html
    assert "Tried again within a minute." in act(client, [refund], "retry", "The bank is back.")
    assert fresh(refund).state == RefundState.DUE
    assert refund.booking.events.get(verb="refund_retry").note == "The bank is back."


def test_a_refund_is_held_and_released(client: Client, staff: User) -> None:
    refund = Refund.objects.get(booking=make_in_state(State.REFUNDED))
    act(client, [refund], "hold", "Ask the bank first.")
    assert fresh(refund).hold_reason == "Ask the bank first."
    act(client, [refund], "release", "All good.")
    assert fresh(refund).hold_reason == ""
    assert "This refund is" in act(client, [refund], "release", "Again.")


def test_paid_by_hand_needs_the_banks_reference(client: Client, staff: User) -> None:
    refund = declined()
    said = act(client, [refund], "paid_by_hand", "Sent by wire.")
    assert "Give the reference of the bank transfer." in said
    act(client, [refund], "paid_by_hand", "Sent by wire.", reference="UTR 7788")
    assert (fresh(refund).state, fresh(refund).reference) == (RefundState.SUCCEEDED, "UTR 7788")


def test_an_email_that_was_given_up_is_tried_again_or_parked(client: Client, staff: User) -> None:
    make_in_state(State.NO_SHOW_REPORTED)
    email = OutboxEmail.objects.first()
    assert email is not None
    assert "Parked." in act(client, [email], "park", "The address is wrong.")
    assert (fresh(email).state, fresh(email).next_attempt_at) == (OutboxState.FAILED, None)
    act(client, [email], "retry", "The address is right now.")
    assert fresh(email).state == OutboxState.QUEUED
    assert fresh(email).next_attempt_at is not None
    OutboxEmail.objects.filter(pk=email.pk).update(state=OutboxState.SENT, next_attempt_at=None)
    assert "This e-mail is: Sent." in act(client, [email], "retry", "Once more.")
    assert fresh(email).state == OutboxState.SENT


# --- support, help, people ------------------------------------------------------------------


def test_an_answer_is_mailed_once_and_stays(client: Client, staff: User) -> None:
    asked = SupportRequest.objects.create(expert=make_expert(), subject="Help", message="Please")
    assert client.post(url(asked), {"answer": " "}).status_code == 200
    assert not fresh(asked).answer
    client.post(url(asked), {"answer": "Done.", "subject": "changed", "answered_by": "99"})
    answered = fresh(asked)
    assert (answered.answer, answered.answered_by, answered.subject) == ("Done.", staff, "Help")
    assert OutboxEmail.objects.filter(kind="support_answer").count() == 1
    assert client.post(url(asked), {"answer": "Other."}).status_code == 403
    assert fresh(asked).answer == "Done."


def test_the_list_of_feedback_counts_yes_and_no(client: Client, staff: User) -> None:
    for is_helpful in (True, True, False):
        HelpFeedback.objects.create(article="no-shows", is_helpful=is_helpful, comment="c")
    html = client.get("/admin/bookings/helpfeedback/").content.decode()
    row = re.search(r'<th scope="row">no-shows</th>(.*?)</tr>', html)
    assert row is not None
    assert re.findall(r">(\d+)<", row[1]) == ["2", "1", "3"]


def expert_form(expert: Expert, **rows: str) -> dict[str, str]:
    form = {"name": expert.name, "slug": expert.slug, "user": str(expert.user_id)}
    form |= {"time_zone": "Europe/Berlin", "clock": "24", "step_minutes": "30"}
    form |= {"buffer_minutes": "0", "min_notice_minutes": "0", "window_days": "21"}
    for prefix in ("services", "weekly_hours", "date_overrides"):
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    return {**form, **rows}


def test_staff_edits_hours_and_overlaps_are_refused(client: Client, staff: User) -> None:
    maya = make_expert()
    WeeklyHours.objects.all().delete()
    rows = {"weekly_hours-TOTAL_FORMS": "2"}
    for n, (starts, ends) in enumerate([("09:00", "12:00"), ("11:00", "13:00")]):
        rows |= {f"weekly_hours-{n}-weekday": "0", f"weekly_hours-{n}-expert": str(maya.pk)}
        rows |= {f"weekly_hours-{n}-starts_local": starts, f"weekly_hours-{n}-ends_local": ends}
    refused = client.post(url(maya), expert_form(maya, **rows))
    assert "Monday: 09:00–12:00 and 11:00–13:00 overlap." in refused.content.decode()
    assert not WeeklyHours.objects.exists()
    rows["weekly_hours-1-starts_local"] = "12:00"
    assert client.post(url(maya), expert_form(maya, **rows)).status_code == 302
    assert WeeklyHours.objects.count() == 2
    assert fresh(maya).time_zone == "Europe/Berlin"


def test_staff_cannot_raise_their_own_rights(client: Client) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    names = ["view_user", "change_user"]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(clerk)
    form = {"email": clerk.email, "is_active": "on", "is_superuser": "on", "user_permissions": "1"}
    client.post(url(clerk), form)
    clerk.refresh_from_db()
    assert not clerk.is_superuser
    assert {p.codename for p in clerk.user_permissions.all()} == set(names)
    chief = make_staff("chief@example.com")
    assert client.post(url(chief), {**form, "email": "x@example.com"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[chief.pk])
    new = {"password1": "a new pass phrase", "password2": "a new pass phrase"}
    assert client.post(password, new).status_code == 403


# --- finding things, and how much it costs ---------------------------------------------------


def test_bookings_are_found_by_code_name_and_address(client: Client, staff: User) -> None:
    maya = make_expert("Maya Fernandes", email="maya@example.com")
    wanted = make_booking(maya, make_follower("Lena Hartmann", email="lena@example.com"))
    other = make_booking(make_expert("Lukas"), make_follower("Tom"))
    for term in (wanted.code.lower(), "hartmann", "Lena@Example.com", "maya@example.com", "Maya"):
        html = client.get("/admin/bookings/booking/", {"q": term}).content.decode()
        assert wanted.code in html, term
        assert other.code not in html, term
    nothing = client.get("/admin/bookings/booking/", {"q": "'; DROP TABLE --"})
    assert wanted.code not in nothing.content.decode()


def test_bookings_are_filtered_by_state_date_and_deadline(client: Client, staff: User) -> None:
    now = timezone.now()
    reported = make_in_state(State.NO_SHOW_REPORTED, now=now)
    coming = make_booking(now=now, starts_at=now + 3 * DAY)

    def listed(**query: str) -> set[str]:
        html = client.get("/admin/bookings/booking/", query).content.decode()
        return {b.code for b in (reported, coming) if b.code in html}

    assert listed(state="no_show_reported") == {reported.code}
    assert listed(call="week") == {coming.code}
    assert listed(call="past_week") == {reported.code}
    assert listed(late="yes") == set()
    Booking.objects.filter(pk=reported.pk).update(deadline_at=now - HOUR)
    assert listed(late="yes") == {reported.code}
    assert listed(state="nonsense", call="x", late="x") == {reported.code, coming.code}


def queries_of(client: Client, path: str, **query: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path, query).status_code == 200
    return len(seen)


@pytest.mark.parametrize(
    "name", ["booking", "refund", "payment", "contest", "outboxemail", "supportrequest", "expert"]
)
def test_a_longer_list_takes_no_more_queries(client: Client, staff: User, name: str) -> None:
    path = reverse(f"admin:bookings_{name}_changelist")

    def add_some() -> None:
        for _ in range(3):
            make_in_state(State.CONTESTED)
            make_in_state(State.REFUNDED)
            SupportRequest.objects.create(
                expert=make_expert(), subject="s", message="m", booking=make_booking()
            )

    add_some()
    few = queries_of(client, path)
    add_some()
    assert queries_of(client, path) == few
    assert few <= 14


def test_a_long_history_takes_no_more_queries(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED)
    few = queries_of(client, url(booking))
    by_staff = Actor(ActorKind.STAFF, staff.pk)
    for n in range(30):
        at = timezone.now() + timedelta(seconds=n)
        timeline.append(booking, "reminder", actor=by_staff, at=at)
    assert queries_of(client, url(booking)) == few


def test_lists_count_no_further_than_they_show(client: Client, staff: User) -> None:
    make_booking()
    for query in ({}, {"_facets": "True"}, {"q": "Priya"}, {"p": "1"}):
        with CaptureQueriesContext(connection) as seen:
            client.get("/admin/bookings/booking/", query)
        counts = [q["sql"] for q in seen if "COUNT(" in q["sql"]]
        assert counts
        assert all("LIMIT 5000" in sql for sql in counts), query


# --- the first page, the alarm and the policy -------------------------------------------------


def test_the_first_page_says_what_waits(client: Client, staff: User) -> None:
    make_in_state(State.CONTESTED)
    declined()
    html = client.get("/admin/").content.decode()
    assert {name: n for n, name in re.findall(r"<strong>(\d+)</strong> <span>([^<]+)<", html)} == {
        "Contested calls": "1",
        "Refunds that need staff": "1",
        "E-mails given up": "0",
        "Support requests": "0",
        "Past their deadline": "0",
    }


def test_an_old_heartbeat_raises_the_alarm_on_every_page(client: Client, staff: User) -> None:
    alarm = "Nothing watches the deadlines."
    assert alarm in client.get("/admin/").content.decode()
    beat = Heartbeat.objects.create(name="sweep", finished_at=timezone.now())
    assert alarm not in client.get("/admin/").content.decode()
    Heartbeat.objects.filter(pk=beat.pk).update(finished_at=timezone.now() - HOUR)
    html = client.get("/admin/bookings/booking/").content.decode()
    assert alarm in html
    assert "60 minutes ago" in html


def test_the_policy_is_there_to_read(client: Client, staff: User) -> None:
    response = client.get("/admin/policy/")
    html = response.content.decode()
    assert "72 hours" in html
    assert "POLICY_NO_SHOW_WINDOW" in html
    assert "<input" not in html.split('id="content-main"')[1]


def test_text_of_strangers_is_never_markup(client: Client, staff: User) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    maya = make_expert(evil[:80])
    booking = make_booking(maya, make_follower(evil[:80]))
    OutboxEmail.objects.update(last_error=evil)
    for path in ("/admin/bookings/booking/", url(booking), url(maya), "/admin/bookings/expert/"):
        html = client.get(path).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
