"""What staff did stands in one list: who, when, what, about whom, and why. Nobody can edit it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from bookings import lifecycle, staff_acts
from bookings.models import (
    Booking,
    Expert,
    OutboxEmail,
    OutboxState,
    Refund,
    StaffAct,
    TimelineEvent,
    User,
)
from bookings.models.kept_acts import ERASED
from bookings.states import State
from tests.builders import (
    NOW,
    PASSWORD,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    make_service,
    make_user,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/bookings/staffact/"


@pytest.fixture(autouse=True)
def _on_the_day(at_now: None) -> None: ...


def act(client: Client, model: str, action: str, pk: int, **data: Any) -> None:
    form = {"ids": pk, "reason": "They asked us.", "request_key": f"key-{action}-{pk}", **data}
    answer = client.post(f"/admin/bookings/{model}/act/{action}/", form)
    assert answer.status_code == 302, answer.content.decode()


def the_only() -> StaffAct:
    return StaffAct.objects.get()


def change(client: Client, url: str, **changes: Any) -> None:
    """Send the form as the page shows it, with these changes."""
    form = client.get(url).context["adminform"].form
    page = client.get(url).context
    fields = {}
    for one in [
        form,
        *(row for formset in page["inline_admin_formsets"] for row in formset.formset),
    ]:
        for bound in one:
            for html, value in (
                (bound.html_name, bound.value()), (bound.html_initial_name, bound.initial),
            ):  # fmt: skip
                if value is not None and value is not False:
                    fields[html] = value
    for formset in page["inline_admin_formsets"]:
        for bound in formset.formset.management_form:
            fields[bound.html_name] = bound.value()
    answer = client.post(url, {**fields, **changes})
    assert answer.status_code == 302, answer.context["errors"]


# --- what is noted --------------------------------------------------------------------------------


def test_what_staff_does_with_a_booking_is_noted_once(client: Client, staff: User) -> None:
    booking = make_booking()
    act(client, "booking", "refund", booking.pk, amount="")
    noted = the_only()
    assert (noted.by, noted.booking, noted.what) == (staff, booking, "Refund now")
    assert (noted.reason, noted.about, noted.at) == ("They asked us.", booking.code, NOW)


def test_what_is_not_done_is_not_noted(client: Client, staff: User) -> None:
    act(client, "booking", "cancel", make_in_state(State.REFUNDED).pk)
    assert not StaffAct.objects.exists()


def test_experts_and_followers_are_not_staff() -> None:
    booking = make_booking()
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    assert not StaffAct.objects.exists()


def test_an_act_without_a_line_in_a_history_is_noted_too(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED)
    email = OutboxEmail.objects.filter(booking=booking).first()
    assert email is not None
    act(client, "outboxemail", "park", email.pk)
    noted = the_only()
    assert (noted.what, noted.reason, noted.booking) == ("Park", "They asked us.", booking)


def test_it_is_noted_or_not_done(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(staff_acts, "_write", fail)
    email = OutboxEmail.objects.filter(booking=make_in_state(State.NO_SHOW_REPORTED)).first()
    assert email is not None
    with pytest.raises(RuntimeError):
        act(client, "outboxemail", "park", email.pk)
    assert OutboxEmail.objects.get(pk=email.pk).state == OutboxState.QUEUED
    booking = make_booking()
    with pytest.raises(RuntimeError):
        act(client, "booking", "refund", booking.pk, amount="")
    assert not Refund.objects.exists()
    assert not TimelineEvent.objects.filter(booking=booking, actor_kind="staff").exists()


def test_a_changed_expert_is_noted_from_what_to_what(client: Client, staff: User) -> None:
    expert = make_expert(buffer_minutes=5)
    make_service(expert)
    change(client, f"/admin/bookings/expert/{expert.pk}/change/", buffer_minutes="15")
    noted = the_only()
    assert (noted.what, noted.expert) == ("Changed expert", expert)
    assert noted.changes == [["Minutes kept free after a call", "5", "15"]]


def test_rights_are_noted_and_passwords_never(client: Client, staff: User) -> None:
    user = make_user("new@example.com")
    url = f"/admin/bookings/user/{user.pk}"
    answer = client.post(
        f"{url}/password/",
        {"password1": PASSWORD + "!", "password2": PASSWORD + "!", "reason": "Lost.",
         "usable_password": "true"},
    )  # fmt: skip
    assert answer.status_code == 302
    noted = the_only()
    assert noted.reason == "Lost."
    assert [name for name, *_ in noted.changes] == ["Password"]
    assert PASSWORD not in str(noted.changes)
    fields = {"email": user.email, "initial-email": user.email, "is_active": "on",
              "initial-is_active": "True", "is_staff": "on"}  # fmt: skip
    answer = client.post(f"{url}/change/", fields)
    assert answer.status_code == 302, answer.context["errors"]
    newest = StaffAct.objects.latest("pk")
    assert ["Staff status", "no", "yes"] in newest.changes


# --- the list -------------------------------------------------------------------------------------


def noted_about(booking: Booking, what: str) -> StaffAct:
    return staff_acts.note(
        what, by=None, at=NOW, reason="Because.", about=booking.code, booking=booking
    )


def test_the_list_is_searched_by_booking_and_by_person(client: Client, staff: User) -> None:
    lena = make_follower("Lena Vogel", email="lena@example.com")
    first, second = make_booking(follower=lena), make_booking()
    noted_about(first, "First thing")
    noted_about(second, "Second thing")
    staff_acts.note("Third thing", by=staff.pk, at=NOW, about="x", expert=second.expert)
    page = client.get(LIST).content.decode()
    assert page.index("Third thing") < page.index("Second thing") < page.index("First thing")
    for term, found in (
        (first.code.lower(), {"First"}),
        ("lena@EXAMPLE.com", {"First"}),
        ("Vogel", {"First"}),
        (second.expert.user.email, {"Third"}),
        (staff.email, {"Third"}),
        ("nobody", set()),
    ):
        page = client.get(LIST, {"q": term}).content.decode()
        assert {name for name in ("First", "Second", "Third") if f"{name} thing" in page} == found


def test_nobody_edits_it(client: Client, staff: User) -> None:
    row = noted_about(make_booking(), "Something")
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{row.pk}/change/", {"what": "Nothing"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "change",
    [{"what": "x"}, {"reason": "x"}, {"about": "x"}, {"changes": [["a", "b", "c"]]}, {"by": None},
     {"booking": None}, {"reason": ERASED, "what": ERASED}],
)  # fmt: skip
def test_not_even_in_the_database(staff: User, change: dict[str, Any]) -> None:
    booking = make_booking()
    row = staff_acts.note(
        "Something", by=staff.pk, at=NOW, reason="y", about="z", booking=booking,
        changes=[("a", "b", "d")],
    )  # fmt: skip
    rows = StaffAct.objects.filter(pk=row.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM bookings_staffact")
    assert rows.update(reason=ERASED, about=ERASED, changes=[]) == 1


def test_an_expert_never_sees_it(client: Client, maya: Expert) -> None:
    client.force_login(maya.user)
    assert client.get(LIST).status_code == 404
