"""Years nobody means, in everything that takes a date: said in a sentence, never an error page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import lifecycle
from bookings.forms.actions import CompletionForm, RescheduleForm
from bookings.forms.availability import OverrideForm
from bookings.forms.fields import DayField, LocalDateTimeField
from bookings.imports import lines
from bookings.models import Booking, Checkout, Expert, Offer, User
from bookings.slots import free_of
from bookings.states import TransitionNotAllowed
from tests import shoppers
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_service,
)
from tests.follower_pages import address, read
from tests.shoppers import send_form

pytestmark = pytest.mark.django_db
expert, no_keys = shoppers.expert, shoppers.no_keys
PAST, FUTURE = ["0000", "0001", "1900", "1969"], ["2201", "9999", "10000", "275760"]
"""some of them no calendar of ours knows; a browser's does"""
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Niue"]


# --- the fields themselves ----------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_of_another_age_is_told_as_such(zone: str) -> None:
    field = LocalDateTimeField(zone=zone)
    for years, sentence in ((PAST, "in the past"), (FUTURE, "too far ahead")):
        for year in years:
            for rest in ("-01-01T00:00", "-12-31T23:59", "-12-31 23:59", "-06-15T10:00:59.5"):
                with pytest.raises(forms.ValidationError, match=sentence):
                    field.clean(year + rest)


def test_a_date_of_another_age_is_told_as_such() -> None:
    for years, sentence in ((PAST, "in the past"), (FUTURE, "too far ahead")):
        for year in years:
            for rest in ("-01-01", "-12-31"):
                with pytest.raises(forms.ValidationError, match=sentence):
                    DayField().clean(year + rest)


@pytest.mark.parametrize("text", ["2026-13-01T00:00", "2026-02-30T10:00", "soon", "99-1-1T1:00"])
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(forms.ValidationError, match="as in 2026-11-26T16:00"):
        LocalDateTimeField().clean(text)


# --- the expert's forms ---------------------------------------------------------------------------


def problem_of(form: forms.Form, field: str) -> str:
    form.is_valid()
    return " ".join(str(sentence) for sentence in form.errors.get(field, []))


@pytest.mark.parametrize("year", [*PAST, *FUTURE, "2100"])
def test_a_time_to_suggest(year: str) -> None:
    data = {"mode": Offer.Mode.LISTED, "slot_2": f"{year}-01-01T10:00"}
    form = RescheduleForm(data, booking=make_booking(), now=NOW)
    sentence = "Time 2 is in the past." if year in PAST else "Time 2 is too far ahead."
    assert sentence in problem_of(form, "slot_2")


def test_a_time_to_suggest_that_has_just_passed() -> None:
    """Lord Howe is half an hour off most of the world's full hours."""
    booking = make_booking(make_expert(time_zone="Australia/Lord_Howe"))
    for minutes, sentence in ((0, "Time 1 is in the past."), (1, "")):
        at = booking.expert.time_zone
        field = LocalDateTimeField(zone=at)
        data = {"mode": "listed", "slot_1": field.prepare_value(NOW + timedelta(minutes=minutes))}
        assert problem_of(RescheduleForm(data, booking=booking, now=NOW), "slot_1").startswith(
            sentence or "Add at least 2 free times"
        )


def test_nobody_offers_a_time_in_another_year_but_the_next() -> None:
    """Whoever sends the form by hand meets the verb."""
    booking = make_booking()
    near = [NOW + DAY, NOW + 2 * DAY]
    for far in (
        NOW + 366 * DAY,
        datetime(2100, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ):
        with pytest.raises(TransitionNotAllowed, match="within the next year"):
            lifecycle.offer_reschedule(
                booking.pk,
                actor=expert_of(booking),
                now=NOW,
                mode=Offer.Mode.LISTED,
                slots=[*near, far],
            )
    assert not Offer.objects.exists()


@pytest.mark.parametrize("year", [*PAST, *FUTURE, "2100"])
def test_when_a_call_was_held(year: str) -> None:
    data = {"outcome": "held_elsewhere", "channel": "phone", "held_at": f"{year}-01-01T10:00"}
    form = CompletionForm(data, booking=make_booking(), now=NOW)
    sentence = "before it was booked" if year in PAST else "in the future"
    assert problem_of(form, "held_at") == f"The call cannot have taken place {sentence}."


def test_when_an_imported_call_was_held() -> None:
    """It was booked elsewhere: when that was, nobody knows."""
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(created_at=NOW)
    booking.refresh_from_db()
    data = {"outcome": "held_here", "held_at": "1900-01-01T10:00"}
    form = CompletionForm(data, booking=booking, now=NOW)
    assert "so long before its planned time" in problem_of(form, "held_at")


@pytest.mark.parametrize("year", [*PAST, *FUTURE, "2100"])
def test_a_day_with_hours_of_its_own(year: str) -> None:
    form = OverrideForm({"day": f"{year}-01-01", "kind": "off"}, today=NOW.date(), clock="24")
    sentence = "in the past" if year in PAST else "too far ahead"
    assert f"This date is {sentence}." in problem_of(form, "day")


def test_yesterday_has_no_hours_of_its_own() -> None:
    for day, problem in ((NOW.date() - DAY, "This date is in the past."), (NOW.date(), "")):
        form = OverrideForm({"day": f"{day}", "kind": "off"}, today=NOW.date(), clock="24")
        assert problem_of(form, "day").startswith(problem)
        assert form.is_valid() == (not problem)


@pytest.mark.parametrize("year", [*PAST, *FUTURE])
@pytest.mark.parametrize("end", ["date_from", "date_to"])
def test_the_dates_of_completed_calls(desk: Client, maya: Expert, year: str, end: str) -> None:
    booking = make_booking(maya, now=timezone.now())
    text = read(desk.get("/completed-calls/", {end: f"{year}-01-01"}))
    which = "first" if end == "date_from" else "last"
    sentence = "too far in the past" if year in PAST else "too far ahead"
    assert f"The {which} day is {sentence}, so it was ignored." in text
    assert booking.follower.name in text


@pytest.mark.parametrize("at", ["-62135596800000000.1", "253402300799999999.1", "9" * 30, "-1.1"])
@pytest.mark.parametrize(
    "path", ["/completed-calls/", "/need-action/", "/need-action/waiting/", "/upcoming/"]
)
def test_where_a_list_goes_on(desk: Client, path: str, at: str) -> None:
    assert desk.get(path, {"after": at, "shown": "9" * 30}).status_code == 200


# --- times that are chosen from a calendar --------------------------------------------------------


@pytest.mark.parametrize("year", [year for year in [*PAST, *FUTURE] if len(year) == 4])
def test_a_time_to_buy(no_keys: None, expert: Expert, client: Client, year: str) -> None:
    answer = send_form(client, make_service(expert), slot=f"{year}-01-01T10:00Z")
    sentence = "in the past" if year in PAST else "too far ahead"
    expected = "Choose one of the times below." if year == "0000" else f"This time is {sentence}."
    assert expected in read(answer)
    assert answer.status_code == 422
    assert not Checkout.objects.exists()


def test_a_time_to_buy_on_a_page_that_was_open_for_long(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service, now = make_service(expert), timezone.now().replace(second=0, microsecond=0)
    for at, sentence in (
        (now, "is in the past."),
        (now + timedelta(minutes=59), "Maya can be booked until 1 hour before a call."),
        (now + 22 * DAY, "Maya can be booked for the next 3 weeks."),
        (datetime(2100, 1, 1, tzinfo=UTC), "is too far ahead"),
        (free_of(service, now=now)[3] + timedelta(minutes=1), "has just been taken"),
    ):
        answer = send_form(client, service, starts_at=at)
        assert (answer.status_code, sentence in read(answer)) == (409, True), sentence
    assert not Checkout.objects.exists()


@pytest.mark.parametrize("year", ["0001", "1900", "2100", "9999"])
def test_a_new_time_to_pick(client: Client, year: str) -> None:
    url = address(offered_now(), "pick")
    answer = client.post(url, {"slot": f"{year}-01-01T10:00Z"})
    assert answer.status_code in (409, 422)
    assert ("in the past" if year < "1970" else "too far ahead") in read(answer)


def offered_now() -> Booking:
    now = timezone.now()
    booking = make_booking(now=now)
    return lifecycle.offer_reschedule(booking.pk, actor=expert_of(booking), now=now)


def test_a_suggested_time_that_has_passed(client: Client) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    booking = make_booking(now=now)
    times = [now + HOUR, now + 2 * DAY, now + 3 * DAY]
    lifecycle.offer_reschedule(
        booking.pk, actor=expert_of(booking), now=now, mode=Offer.Mode.LISTED, slots=times
    )
    offer = booking.offers.get()
    offer.slots.filter(starts_at=times[0]).update(starts_at=now - HOUR)
    url = address(booking, "pick")
    answer = client.post(url, {"slot": f"{now - HOUR:%Y-%m-%dT%H:%MZ}"})
    assert (answer.status_code, "is in the past. Choose another time." in read(answer)) == (
        409,
        True,
    )


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31", "99999-01-01", "-1"])
def test_the_day_of_a_calendar(no_keys: None, expert: Expert, client: Client, day: str) -> None:
    service = make_service(expert)
    query = {"day": day, "slot": f"{day}T00:00Z"}
    assert client.get(f"/with/{expert.slug}/{service.pk}/", query).status_code == 200
    assert client.get(address(offered_now(), "pick"), query).status_code == 200


@pytest.mark.parametrize("field", ["request_key", "tz", "clock", "day"])
def test_a_sign_no_text_holds_is_no_error_page(client: Client, field: str) -> None:
    booking = offered_now()
    for name in ("pick", "refund_instead"):
        answer = client.post(address(booking, "pick", name), {field: "\x00", "slot": ""})
        assert answer.status_code in (302, 409, 422)


# --- files and the admin --------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", ["0001-01-01T00:00", "1900-01-01 10:00", "2100-01-01T00:00",
                                  "9999-12-31T23:59:59"])  # fmt: skip
def test_the_columns_of_a_file(zone: str, text: str) -> None:
    for offset in ("", "+14:00", "-12:00", "Z"):
        with pytest.raises(lines.Refused, match="between the year 2000 and three years from now"):
            lines.read_starts_at(text + offset, zone, NOW)
        with pytest.raises(lines.Refused, match="between the year 2000 and now"):
            lines.read_paid_at(text + offset, zone, NOW)


LOOKUPS = ["__year", "__year__gte", "__iso_year", "__date", "__gte", "", "__hour", "__range"]


def test_the_address_of_an_admin_list(client: Client, staff: User) -> None:
    """Django lets every column of a table be compared with whatever stands in the address."""
    make_booking()
    for model in admin.site._registry:
        columns = [f.name for f in model._meta.fields if isinstance(f, models.DateTimeField)]
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in queries_about(columns[:2]):
            answer = client.get(path, query, follow=True)
            assert answer.status_code in (200, 400), (path, query)


def queries_about(columns: list[str]) -> list[dict[str, Any]]:
    years = ("0001", "9999", "10000", "99999999999999999999")
    return [
        {f"{column}{lookup}": year if "year" in lookup or "hour" in lookup else f"{year}-12-31T23:59Z"}
        for column in columns
        for lookup in LOOKUPS
        for year in years
    ]  # fmt: skip


def test_an_address_that_cannot_be_read_is_told(client: Client, staff: User) -> None:
    answer = client.get("/admin/bookings/booking/", {"starts_at__year__gte": "99999"}, follow=True)
    assert answer.status_code == 400, "no list of ours asks for this"
    assert "We could not read what your browser sent" in read(answer)
