"""Addresses in the admin that no link of ours has: refused or ignored, never an error, and never a
way to find out what no column shows."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from bookings.admin.base import StrictAdmin
from bookings.models import Checkout, OutboxEmail, User
from bookings.states import State
from tests.builders import make_in_state, make_user
from tests.shoppers import make_checkout

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label for model in MODELS]
OF_A_LIST = ("_to_field", "_popup", "p", "o", "e", "q", "all", "_facets")
OF_A_FORM = ("_to_field", "_popup", "_changelist_filters")
ODD = ("", "x", "a@b", "-1", "9" * 30, "a=b&c", "%", "\x00", "٣", "id__id", "1.2.-3")


@pytest.fixture(autouse=True)
def rows(staff: User) -> None:
    make_in_state(State.CONTESTED, now=timezone.now())
    make_checkout()


def addresses(model: type) -> list[str]:
    name = f"admin:{model._meta.label_lower.replace('.', '_')}"  # type: ignore[attr-defined]
    found = [reverse(f"{name}_changelist")]
    row = model._default_manager.first()  # type: ignore[attr-defined]
    if row is not None:
        found.append(reverse(f"{name}_change", args=[row.pk]))
    try:
        return [*found, reverse(f"{name}_add")]
    except NoReverseMatch:
        return found


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_admin_is_strict_about_its_addresses(model: type) -> None:
    assert isinstance(admin.site._registry[model], StrictAdmin)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_what_django_reads_from_an_address_may_be_anything(client: Client, model: type) -> None:
    the_list, *forms = addresses(model)
    asked = [(the_list, name) for name in OF_A_LIST]
    asked += [(form, name) for form in forms for name in OF_A_FORM]
    for number, (address, name) in enumerate(asked):
        for value in ("", ODD[1 + number % 10]):
            assert client.get(address, {name: value}).status_code < 500, (address, name, value)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_a_column_may_be_given_any_value(client: Client, model: type) -> None:
    columns = [field.name for field in model._meta.get_fields()]  # type: ignore[attr-defined]
    filters = [one for one in admin.site._registry[model].list_filter if isinstance(one, str)]
    names = [*columns, *(f"{one}__exact" for one in filters)]
    for address in addresses(model):
        if "/change/" in address:
            continue
        for number, name in enumerate(names):
            value = ODD[number % len(ODD)]
            assert client.get(address, {name: value}).status_code < 500, (address, name, value)


@pytest.mark.parametrize(
    "query",
    ["time_zone=a@b", "time_zone=Mars/Base", "_to_field=", "_popup=1&_to_field=", "user=x",
     "user=999999", "window_days=many", "clock=13", "name=%00"],
)  # fmt: skip
def test_the_form_of_a_new_expert_refuses_what_its_fields_do_not_take(
    client: Client, query: str
) -> None:
    assert client.get(f"/admin/bookings/expert/add/?{query}").status_code == 400


def test_what_its_fields_take_is_filled_in(client: Client) -> None:
    user = make_user()
    page = client.get(f"/admin/bookings/expert/add/?time_zone=Asia/Kolkata&user={user.pk}&x=1")
    assert page.status_code == 200
    assert '<option value="Asia/Kolkata" selected>' in page.content.decode()


def test_the_pop_up_of_a_related_row_still_opens(client: Client) -> None:
    assert client.get("/admin/bookings/user/add/?_to_field=id&_popup=1").status_code == 200


# --- staff who may only look -------------------------------------------------------------------


@pytest.fixture
def viewer(client: Client) -> Client:
    user = make_user("viewer@example.com", is_staff=True)
    views = Permission.objects.filter(codename__startswith="view_")
    user.user_permissions.set(views)
    client.force_login(User.objects.get(pk=user.pk))
    return client


def test_nobody_finds_out_a_key_letter_by_letter(viewer: Client) -> None:
    checkout = Checkout.objects.get()
    for lookup in ("key__startswith", "key", "key__gt", "key__regex", "key__in", "pk", "id__in"):
        answer = viewer.get("/admin/bookings/checkout/", {lookup: checkout.key[:1]})
        assert answer.status_code == 400, lookup


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("user", "password__startswith"), ("user", "email__startswith"), ("user", "groups"),
        ("expert", "user__email__startswith"), ("expert", "user__password__startswith"),
        ("booking", "links__key__startswith"), ("booking", "follower__email__contains"),
        ("outboxemail", "facts__contains"), ("outboxemail", "message_id"),
        ("refund", "request__contains"), ("payment", "booking__links__key__startswith"),
        ("follower", "bookings__links__key__startswith"), ("providerevent", "body__contains"),
        ("checkout", "expert__user__password"), ("supportrequest", "message__contains"),
        ("helpfeedback", "user__email"), ("contest", "booking__links__key"),
    ],
)  # fmt: skip
def test_a_list_is_narrowed_by_its_own_filters_only(viewer: Client, page: str, lookup: str) -> None:
    assert viewer.get(f"/admin/bookings/{page}/", {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_filters_that_a_list_shows_work(viewer: Client, model: type) -> None:
    address = addresses(model)[0]
    page = viewer.get(address)
    assert page.status_code == 200
    for spec in page.context["cl"].filter_specs:
        for choice in spec.choices(page.context["cl"]):
            answer = viewer.get(address + choice["query_string"])
            assert answer.status_code == 200, choice["query_string"]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_who_may_look_sees_every_page(viewer: Client, model: type) -> None:
    for address in addresses(model):
        assert viewer.get(address).status_code in (200, 403), address


def test_no_page_of_an_e_mail_shows_what_it_is_made_from(viewer: Client) -> None:
    email = OutboxEmail.objects.first()
    assert email is not None
    email.facts = {"email": "stranger@example.com"}
    email.save()
    page = viewer.get(f"/admin/bookings/outboxemail/{email.pk}/change/").content.decode()
    assert "stranger@example.com" not in page
