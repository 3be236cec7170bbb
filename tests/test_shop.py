"""What experts change about their public page, and what buyers read and answer there."""

from __future__ import annotations

import errno
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.db.models import JSONField, Value
from django.test import Client
from django.urls import reverse

from bookings import formats, photos, shop
from bookings.forms.follower import name_of
from bookings.models import (
    Booking,
    Checkout,
    Expert,
    FormerAddress,
    OutboxEmail,
    Service,
    User,
)
from tests import pictures, staff_pages
from tests.builders import make_expert, make_service, make_staff
from tests.outbox_rows import rendered
from tests.shoppers import address_of, buy, form_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def profile(**changes: Any) -> dict[str, Any]:
    form = {"name": "Maya Fernandes", "headline": "Designer", "about": "Hello.", "slug": "maya"}
    return {**form, **changes}


def page_of(expert: Expert, client: Client | None = None) -> str:
    response = (client or Client()).get(reverse("shop", kwargs={"slug": expert.slug}))
    assert response.status_code == 200
    return response.content.decode()


# --- the profile ----------------------------------------------------------------------------------


def test_an_expert_presents_themselves(desk: Client, maya: Expert) -> None:
    about = "First line.\nhttps://example.org/maya\n\n<b>Not bold</b>"
    response = desk.post("/account/profile/", profile(about=about), follow=True)
    assert "Your public page has been saved." in response.content.decode()
    maya.refresh_from_db()
    page = page_of(maya)
    assert "<p>First line.<br>https://example.org/maya</p>" in page
    assert 'href="https://example.org' not in page
    assert "&lt;b&gt;Not bold&lt;/b&gt;" in page
    assert '<p class="host__headline">Designer</p>' in page
    assert page.count("<h1") == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "Write your name."),
        ({"name": "Maya https://evil.example/win"}, "Write a name without a web address"),
        ({"name": "Maya Www.evil.example"}, "Write a name without a web address"),
        ({"headline": "x" * 121}, "at most 120"),
        ({"about": "x" * 2001}, "at most 2000"),
        ({"slug": ""}, "Write the address of your page."),
        ({"slug": "maya fernandes"}, "Use letters from a to z"),
        ({"slug": "../admin"}, "Use letters from a to z"),
        ({"slug": "x" * 51}, "at most 50"),
        ({"slug": "lukas"}, "Somebody else has this address."),
        ({"slug": "LUKAS"}, "Somebody else has this address."),
        ({"slug": "lukas-before"}, "Somebody else has this address."),
        ({"slug": "nora"}, "Somebody else has this address."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_saved(
    desk: Client, maya: Expert, change: dict[str, str], sentence: str
) -> None:
    lukas = make_expert("Lukas Weber", slug="lukas-before")
    shop.change_address(lukas, "lukas")
    make_expert("Nora Berg", slug="Nora")
    before = Expert.objects.filter(pk=maya.pk).values().get()
    response = desk.post("/account/profile/", profile(**change))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert Expert.objects.filter(pk=maya.pk).values().get() == before


def test_a_name_keeps_no_hidden_signs_and_stays_one_line(desk: Client, maya: Expert) -> None:
    desk.post("/account/profile/", profile(name="Maya\r\nBcc: nobody \u202e\u200bF\x00."))
    maya.refresh_from_db()
    assert maya.name == "Maya Bcc: nobody F."


def test_a_preview_saves_nothing(desk: Client, maya: Expert) -> None:
    page = desk.post("/account/profile/preview/", profile(headline="<i>New</i>")).content.decode()
    assert "&lt;i&gt;New&lt;/i&gt;" in page
    assert "<h1" not in page
    maya.refresh_from_db()
    assert maya.headline == ""


def test_addresses_that_were_public_keep_leading_to_the_expert(
    desk: Client, maya: Expert, client: Client
) -> None:
    service = make_service(maya, price_minor=0)
    first = maya.slug
    for slug in ("maya-two", "maya-three", first, "maya-four"):
        desk.post("/account/profile/", profile(slug=slug))
    for slug in (first, "maya-two", "maya-three"):
        assert client.get(f"/with/{slug}/").url == "/with/maya-four/"
        assert client.get(f"/with/{slug}/{service.pk}/").url == f"/with/maya-four/{service.pk}/"
    assert client.get("/with/maya-four/").status_code == 200
    for typed in ("MAYA-FOUR", "Maya-Two"):
        assert client.get(f"/with/{typed}/").url == "/with/maya-four/"
    assert client.get("/with/maya-five/").status_code == 404
    assert FormerAddress.objects.count() == 3
    with pytest.raises(IntegrityError):
        shop.change_address(make_expert("Lukas Weber"), "maya-four")


def test_an_address_of_somebody_who_cannot_sign_in_leads_nowhere(
    maya: Expert, client: Client
) -> None:
    first = maya.slug
    shop.change_address(maya, "maya-two")
    maya.user.is_active = False
    maya.user.save()
    assert client.get(f"/with/{first}/").status_code == 404


def test_an_address_that_somebody_had_in_between_stays_theirs(maya: Expert) -> None:
    """It was free when the form was checked."""
    make_expert("Lukas Weber", slug="lukas").former_addresses.create(slug="coach")
    with pytest.raises(IntegrityError):
        shop.change_address(maya, "coach")


def test_there_is_an_address_however_many_have_the_same_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a name in other letters nothing is left: all of those begin alike."""
    taken = {"expert", *(f"expert-{number}" for number in range(2, 1000))}
    monkeypatch.setattr(shop, "is_address_free", lambda slug: slug not in taken)
    assert re.fullmatch(r"expert-[0-9a-f]{8}", shop.free_address("山田花子"))


def test_a_new_address_is_nobodys_earlier_one() -> None:
    shop.change_address(make_expert("Ana", slug="ana-lopez"), "ana")
    assert shop.free_address("Ana López") == "ana-lopez-2"


# --- photos: see test_photos for files that are none ----------------------------------------------


def sent(data: bytes, name: str = "me.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="image/jpeg")


def test_a_photo_is_shown_replaced_and_removed(
    desk: Client, maya: Expert, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        desk.post("/account/profile/", profile(new_photo=sent(pictures.jpeg())))
    maya.refresh_from_db()
    first = maya.photo
    address = reverse("photo", kwargs={"name": first, "size": "small"})
    assert f'src="{address}"' in page_of(maya)
    answer = Client().get(address)
    assert answer.content.startswith(b"\xff\xd8")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert len(list((tmp_path / "photos").iterdir())) == 2

    with django_capture_on_commit_callbacks(execute=True):
        desk.post("/account/profile/", profile(new_photo=sent(pictures.png(), "me.png")))
    maya.refresh_from_db()
    assert maya.photo not in ("", first)
    assert Client().get(address).status_code == 404
    assert len(list((tmp_path / "photos").iterdir())) == 2

    with django_capture_on_commit_callbacks(execute=True):
        desk.post("/account/profile/", profile(removes_photo="on"))
    maya.refresh_from_db()
    assert maya.photo == ""
    assert list((tmp_path / "photos").iterdir()) == []


def test_a_photo_of_a_form_that_was_refused_is_not_kept(
    desk: Client, maya: Expert, tmp_path: Path
) -> None:
    form = profile(name="", new_photo=sent(pictures.jpeg()))
    assert desk.post("/account/profile/", form).status_code == 422
    assert list(tmp_path.rglob("*.jpg")) == []


def test_a_photo_that_cannot_be_stored_is_said_and_leaves_no_file(
    desk: Client, maya: Expert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = FileSystemStorage._save

    def full(storage: FileSystemStorage, name: str, content: Any) -> str:
        if "small" in name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(storage, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    photo = SimpleUploadedFile("me.jpg", pictures.jpeg())
    response = desk.post("/account/profile/", profile(new_photo=photo))
    assert response.status_code == 422
    assert "The photo could not be stored." in response.content.decode()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_is_larger_than_any_photo_is_not_even_read(desk: Client) -> None:
    form = profile(new_photo=sent(bytes(6 * 2**20)))
    assert "larger than 5 MB" in desk.post("/account/profile/", form).content.decode()
    answer = Client().post("/sign-in/", CONTENT_LENGTH=str(21 * 2**20))
    assert answer.status_code == 413
    assert "This file or text is too large" in answer.content.decode()
    for odd in ("", "-1", "x", "²"):
        assert Client().post("/sign-in/", CONTENT_LENGTH=odd).status_code < 500


def test_an_address_that_was_taken_at_the_same_moment_keeps_no_photo(
    desk: Client, maya: Expert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_expert("Lukas", slug="lukas")
    monkeypatch.setattr(shop, "is_address_free", lambda slug, expert: True)
    form = profile(slug="lukas", name="New name", new_photo=sent(pictures.jpeg()))
    response = desk.post("/account/profile/", form)
    assert response.status_code == 422
    assert "Somebody else has this address" in response.content.decode()
    maya.refresh_from_db()
    assert (maya.name, maya.photo) == ("Maya Fernandes", "")
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("name", ["x" * 22, "..%2f..%2fsecret_key"])
def test_there_is_no_photo_of_another_name(client: Client, name: str) -> None:
    assert client.get(f"/photos/{name}-small.jpg").status_code == 404


# --- services -------------------------------------------------------------------------------------


def order(expert: Expert) -> list[str]:
    return list(Service.objects.of_expert(expert).in_order().values_list("title", flat=True))


def test_services_stand_in_the_order_of_the_expert(desk: Client, maya: Expert) -> None:
    a, b, c = (make_service(maya, title=title, duration_minutes=30) for title in "ABC")
    desk.post(f"/account/services/{c.pk}/up/")
    assert order(maya) == ["A", "C", "B"]
    desk.post(f"/account/services/{a.pk}/down/")
    desk.post(f"/account/services/{b.pk}/down/")
    desk.post(f"/account/services/{c.pk}/up/")
    assert order(maya) == ["C", "A", "B"]
    page = page_of(maya)
    assert [page.index(f">{title}</a>") for title in "CAB"] == sorted(
        page.index(f">{title}</a>") for title in "CAB"
    )
    add = {"title": "Z", "duration_minutes": "5", "price": "0", "currency": "EUR",
           "place_kind": "room", "is_active": "on"}  # fmt: skip
    desk.post("/account/services/add/", add)
    assert order(maya) == ["C", "A", "B", "Z"]


def test_a_copy_is_hidden_and_has_a_title_of_its_own(desk: Client, maya: Expert) -> None:
    service = make_service(maya, title="x" * 120, place="https://meet.example.com/maya",
                           questions=[{"text": "Why?", "is_required": True}])  # fmt: skip
    for _ in range(2):
        assert desk.post(f"/account/services/{service.pk}/duplicate/").status_code == 302
    copies = list(Service.objects.exclude(pk=service.pk).order_by("pk"))
    assert [copy.title[-9:] for copy in copies] == ["xx (copy)", " (copy 2)"]
    for copy in copies:
        assert not copy.is_active
        assert (copy.price_minor, copy.place, copy.questions) == (
            service.price_minor, service.place, service.questions,
        )  # fmt: skip


def test_buttons_hide_and_show(desk: Client, maya: Expert) -> None:
    service = make_service(maya, price_minor=0)
    desk.post(f"/account/services/{service.pk}/hide/")
    assert not Service.objects.get().is_active
    desk.post(f"/account/services/{service.pk}/show/")
    assert Service.objects.get().is_active
    Service.objects.update(is_active=False, place_kind="address", place="")
    response = desk.post(f"/account/services/{service.pk}/show/", follow=True)
    assert "Write the link or the address at which you meet." in response.content.decode()
    assert not Service.objects.get().is_active


def test_nobody_presses_the_buttons_of_others(desk: Client, maya: Expert) -> None:
    other = make_service(make_expert("Lukas Weber"))
    before = Service.objects.filter(pk=other.pk).values().get()
    for change in ("up", "down", "hide", "show", "duplicate"):
        assert desk.post(f"/account/services/{other.pk}/{change}/").status_code == 404
    assert Service.objects.filter(pk=other.pk).values().get() == before
    assert Service.objects.count() == 1


def test_without_a_place_nothing_is_sold(maya: Expert, client: Client) -> None:
    service = make_service(maya, place_kind="address", place="")
    assert client.get(f"/with/{maya.slug}/{service.pk}/").status_code == 404
    assert "Nothing to book" in page_of(maya)


def test_a_preview_shows_what_is_typed(desk: Client, maya: Expert) -> None:
    form = {"title": "<b>Review</b>", "duration_minutes": "45", "price": "25", "currency": "EUR",
            "place_kind": "room", "question_0": "Why?"}  # fmt: skip
    page = desk.post("/account/services/preview/", form).content.decode()
    for text in ("&lt;b&gt;Review&lt;/b&gt;", "45 min", "€25", "Why?"):
        assert text in page
    half = desk.post("/account/services/preview/", {"title": "Review"}).content.decode()
    assert "Write a title, a length and a price" in half
    assert not Service.objects.exists()


def test_a_pause_stops_new_bookings_only(desk: Client, maya: Expert, client: Client) -> None:
    service = make_service(maya, price_minor=0)
    form = form_of(client, service)
    desk.post("/account/services/pause/", {"pause": "yes"})
    assert "is not taking new bookings at the moment" in page_of(maya)
    address = f"/with/{maya.slug}/{service.pk}/"
    assert client.get(address).url == f"/with/{maya.slug}/"
    assert client.post(address, form).status_code == 302
    assert not Booking.objects.exists()
    desk.post("/account/services/pause/", {"pause": "no"})
    assert client.post(address, form).status_code == 302
    assert Booking.objects.count() == 1


# --- what buyers read and answer ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "place", "said", "hidden", "kept"),
    [
        ("address", "https://meet.example.com/x", "Online. You get the link", "meet.example", "^https://meet.example.com/x$"),
        ("address", "Café Eule, Berlin", "Café Eule, Berlin", "", "^Café Eule, Berlin$"),
        ("address", "Zoom: https://zoom.us/j/1?pwd=x", "You get the address with your booking.", "zoom.us", r"^Zoom: https://zoom\.us/j/1\?pwd=x$"),
        ("address", "meet.google.com/abc-defg", "You get the address with your booking.", "google", "^meet.google.com/abc-defg$"),
        ("room", "", "in a video room of its own", "jit.si", r"^https://meet\.jit\.si/topmate-[\w-]{22}$"),
        ("call_expert", "+49 30 1", "You call Maya", "+49 30 1", r"^By phone: Maya answers at \+49 30 1$"),
        ("call_buyer", "", "Maya calls you", "", r"^By phone: Maya calls \+91 22 123456$"),
        ("write", "", "Maya writes to you to say where you meet.", "", "^$"),
    ],
)  # fmt: skip
def test_a_buyer_knows_where_before_they_pay_and_a_booking_keeps_it(
    maya: Expert, client: Client, kind: str, place: str, said: str, hidden: str, kept: str
) -> None:
    service = make_service(maya, price_minor=0, place_kind=kind, place=place)
    page = client.get(f"/with/{maya.slug}/{service.pk}/").content.decode()
    assert said in page
    assert not hidden or hidden not in page
    number = {"number": "+91 22 123456"} if kind == "call_buyer" else {}
    buy(client, service, **number)
    booking = Booking.objects.get()
    assert re.fullmatch(kept, booking.place)


def test_each_call_has_a_room_of_its_own(maya: Expert, client: Client) -> None:
    service = make_service(maya, price_minor=0, place_kind="room")
    for number in range(2):
        buy(client, service, email=f"buyer{number}@example.org")
    assert len(set(Booking.objects.values_list("place", flat=True))) == 2


QUESTIONS = [
    {"text": "What is it about?", "is_required": True},
    {"text": "Anything else? 100%", "is_required": False},
]
ABOUT, ELSE = (name_of(str(question["text"])) for question in QUESTIONS)


def test_answers_stand_on_the_booking_page_and_in_the_experts_mail(
    desk: Client, maya: Expert, client: Client
) -> None:
    service = make_service(maya, price_minor=0, questions=QUESTIONS)
    buy(client, service, **{ABOUT: "My <b>portfolio</b>\nand its order"})
    booking = Booking.objects.get()
    assert booking.answers == [["What is it about?", "My <b>portfolio</b>\nand its order"]]
    page = desk.get(f"/bookings/{booking.code}/").content.decode()
    assert "What is it about?" in page
    assert "My &lt;b&gt;portfolio&lt;/b&gt;" in page
    assert "Anything else?" not in page
    assert '<div class="facts__written"><dt>What is it about?' in page
    event = booking.events.get(verb="booked")
    for kind, is_told in (("booked_expert", True), ("booked", False)):
        text = rendered(kind, booking, now=booking.created_at, event=event).text
        assert ("My <b>portfolio</b> and its order" in text) == is_told
    Service.objects.update(questions=[])
    assert Booking.objects.get().answers == booking.answers


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({ABOUT: ""}, "Answer “What is it about?”."),
        ({ABOUT: " \n"}, "Answer “What is it about?”."),
        ({ELSE: "x" * 1001}, "Your answer to “Anything else? 100%” can have at most 1000"),
        ({"number": ""}, "Write the telephone number at which you are called."),
        ({"number": "call me"}, "Write a telephone number such as"),
        ({"number": "+4"}, "Write a telephone number such as"),
        ({"number": "+49 30 <script>"}, "Write a telephone number such as"),
    ],
)
def test_an_answer_that_is_missing_or_wrong_is_said(
    maya: Expert, client: Client, change: dict[str, str], sentence: str
) -> None:
    service = make_service(maya, place_kind="call_buyer", questions=QUESTIONS)
    form = {**form_of(client, service), ABOUT: "Hello", ELSE: "", "number": "+49301234"}
    response = client.post(f"/with/{maya.slug}/{service.pk}/", {**form, **change})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Checkout.objects.exists()


def test_a_link_leads_only_where_all_of_it_is_an_address(desk: Client, maya: Expert) -> None:
    place = "https://meet.example.com/x and ring twice"
    service = make_service(maya, price_minor=0, place=place, questions=QUESTIONS)
    buy(Client(), service, **{ABOUT: "https://example.org/me and my other pages"})
    booking = Booking.objects.get()
    event = booking.events.get(verb="booked")
    mail = rendered("booked_expert", booking, now=booking.created_at, event=event).html
    page = desk.get(f"/bookings/{booking.code}/").content.decode()
    for text in (mail, page):
        assert " and " in text
        assert not re.search(r'href="[^"]* and ', text)


def test_an_answer_is_never_kept_under_another_question(maya: Expert, client: Client) -> None:
    """The expert changes the questions while somebody writes."""
    service = make_service(maya, price_minor=0, questions=QUESTIONS)
    form = {**form_of(client, service), ABOUT: "My portfolio", ELSE: "No"}
    changed = [{"text": "What is your budget?", "is_required": False}, QUESTIONS[0]]
    Service.objects.update(questions=changed)
    response = client.post(address_of(service), form)
    assert response.status_code == 422
    page = response.content.decode()
    assert "The questions have changed since you opened this page." in page
    assert "My portfolio" in page
    assert not Booking.objects.exists()
    del form[ELSE]
    assert client.post(address_of(service), form).status_code == 302
    assert Booking.objects.get().answers == [["What is it about?", "My portfolio"]]


@pytest.mark.parametrize(
    "damage",
    [Value(None, JSONField()), {}, "x", 3, ["a"], [{}], [{"text": 5}], [["q", None]], [[1, 2]],
     [["a", "b", "c"]]],
    ids=str,
)  # fmt: skip
def test_damaged_questions_and_answers_are_left_out(
    desk: Client, maya: Expert, client: Client, damage: Any
) -> None:
    service = make_service(maya)
    checkout = buy(client, service)
    Service.objects.update(questions=damage)
    Checkout.objects.update(answers=damage)
    admin = Client()
    admin.force_login(make_staff())
    for visitor, path in (
        (client, address_of(service)),
        (client, f"/checkout/{checkout.key}/again/"),
        (desk, f"/account/services/{service.pk}/"),
        (admin, f"/admin/bookings/service/{service.pk}/change/"),
    ):
        assert visitor.get(path).status_code == 200, path
    client.post(f"/checkout/{checkout.key}/pay/")
    booking = Booking.objects.get()
    assert booking.answers == []
    Booking.objects.update(answers=damage)
    booking.refresh_from_db()
    assert desk.get(f"/bookings/{booking.code}/").status_code == 200
    event = booking.events.get(verb="booked")
    assert rendered("booked_expert", booking, now=booking.created_at, event=event).text


def test_a_call_is_where_it_was_when_its_purchase_began(maya: Expert, client: Client) -> None:
    checkout = buy(client, make_service(maya, place_kind="write"))
    Service.objects.update(place_kind="call_buyer")
    client.post(f"/checkout/{checkout.key}/pay/")
    assert Booking.objects.get().place == ""


def test_another_answer_is_another_purchase(maya: Expert, client: Client) -> None:
    service = make_service(maya, questions=QUESTIONS)
    address = address_of(service)
    form = {**form_of(client, service), ABOUT: "First"}
    first = client.post(address, form).url
    assert client.post(address, form).url == first
    second = client.post(address, {**form, ABOUT: "Second"}).url
    assert second != first
    states = {row.answers[0][1]: row.state for row in Checkout.objects.all()}
    assert states == {"First": "expired", "Second": "open"}
    again = client.post(f"{second}leave/", {"same": "yes"}, follow=True).content.decode()
    assert "Second</textarea>" in again


# --- a page worth sharing -------------------------------------------------------------------------


def test_a_link_to_the_page_has_a_picture_and_a_description(
    desk: Client, maya: Expert, settings: Any
) -> None:
    form = profile(name='Maya "M" <F>', new_photo=sent(pictures.jpeg()))
    desk.post("/account/profile/", form)
    make_service(maya, title="</script><script>alert(1)</script>", price_minor=240000)
    maya.refresh_from_db()
    page = page_of(maya)
    assert f'<link rel="canonical" href="{settings.SITE_URL}/with/maya/">' in page
    picture = f"{settings.SITE_URL}/photos/{maya.photo}-large.jpg"
    assert f'<meta property="og:image" content="{picture}">' in page
    assert page.count("<script>alert") == 0
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert found is not None
    data = json.loads(found[1])["mainEntity"]
    assert (data["name"], data["image"]) == ('Maya "M" <F>', picture)
    assert data["makesOffer"][0]["name"] == "</script><script>alert(1)</script>"
    assert (data["makesOffer"][0]["price"], data["makesOffer"][0]["priceCurrency"]) == (
        "2400.00", "INR",
    )  # fmt: skip


def test_the_address_can_be_copied_printed_and_put_on_another_site(
    desk: Client, maya: Expert, settings: Any
) -> None:
    Expert.objects.update(name='Maya <b>"F"</b>')
    page = desk.get("/account/share/").content.decode()
    url = f"{settings.SITE_URL}/with/{maya.slug}/"
    assert f'value="{url}"' in page
    assert "<svg" in page
    assert "Maya &amp;lt;b&amp;gt;" in page, "what is pasted elsewhere is escaped there as well"
    assert "<iframe" not in page
    code = desk.get("/account/share/qr.svg")
    assert code["Content-Type"] == "image/svg+xml"


def test_a_page_stands_in_frames_only_where_the_owner_says(
    maya: Expert, client: Client, settings: Any, desk: Client
) -> None:
    make_service(maya, title="Review")
    address = f"/with/{maya.slug}/embed/"
    settings.EMBED_FROM = []
    assert client.get(address).status_code == 404
    settings.EMBED_FROM = ["https://maya.example"]
    answer = client.get(address)
    assert "frame-ancestors 'self' https://maya.example" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    assert 'target="_blank" rel="noopener">Review' in answer.content.decode()
    assert "&lt;iframe" in desk.get("/account/share/").content.decode()
    plain = client.get(f"/with/{maya.slug}/")
    assert plain["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in plain["Content-Security-Policy"]


# --- the first steps ------------------------------------------------------------------------------


def test_a_new_expert_is_led_through_the_first_steps(desk: Client, maya: Expert) -> None:
    assert "Your first steps" not in desk.get("/need-action/").content.decode()
    Expert.objects.update(is_new=True)
    page = desk.get("/need-action/").content.decode()
    assert "Your first steps" in page
    assert "Hide these steps" not in page
    for address in ("/account/profile/", "/account/availability/", "/account/services/"):
        assert f'<a href="{address}"' in page
    make_service(maya)
    desk.post("/account/profile/", profile())
    page = desk.get("/upcoming/").content.decode()
    assert "Your page is ready to share" in page
    desk.post("/account/first-steps/")
    assert "ready to share" not in desk.get("/upcoming/").content.decode()


def test_no_outbox_row_is_written_by_editing(desk: Client, maya: Expert) -> None:
    desk.post("/account/profile/", profile())
    assert not OutboxEmail.objects.exists()
    assert photos.read("x", "small") is None


# --- receipts, the directory, and machines that read the site -------------------------------------


def test_the_mail_about_a_paid_call_is_a_receipt(
    maya: Expert, client: Client, settings: Any
) -> None:
    settings.TAX, settings.RECEIPT_SELLER = ("VAT", Decimal(19)), "Maya GmbH, Berlin"
    for price in (2500, 0):
        checkout = buy(client, make_service(maya, price_minor=price, currency="EUR"))
        client.post(f"/checkout/{checkout.key}/pay/")
    paid, free = Booking.objects.order_by("pk")

    def facts_of(booking: Booking) -> dict[str, str]:
        event = booking.events.get(verb="booked")
        text = rendered("booked", booking, now=booking.created_at, event=event).text
        return dict(re.findall(r"^([\w %]+): +(.+)$", text, re.MULTILINE))

    facts = facts_of(paid)
    assert facts["Paid"].startswith("€25")
    assert re.fullmatch(rf"{paid.code}, \w{{3}} \d+ \w{{3}} 20\d\d", facts["Receipt"])
    assert facts["Sold by"] == "Maya GmbH, Berlin"
    assert facts["VAT 19 %"] == "€3.99, included in the price"
    assert not {"Receipt", "Sold by"} & set(facts_of(free))
    settings.TAX, settings.RECEIPT_SELLER = ("", Decimal(0)), ""
    assert facts_of(paid)["Sold by"] == "Maya Fernandes"
    assert not any("VAT" in name for name in facts_of(paid))


@pytest.mark.parametrize(
    ("minor", "percent", "tax"),
    [(2500, "19", 399), (11900, "19", 1900), (100, "0", 0), (1, "19", 0), (10700, "7.7", 765)],
)
def test_the_tax_that_a_price_contains(minor: int, percent: str, tax: int) -> None:
    assert formats.tax_in(minor, Decimal(percent)) == tax


def test_the_front_page_lists_experts_when_there_is_a_choice(
    maya: Expert, client: Client, settings: Any
) -> None:
    make_service(maya)
    assert "Book a call" not in client.get("/").content.decode()
    assert client.get("/experts/").status_code == 404
    lukas = make_expert("Lukas <i>Weber</i>", headline="Architect")
    assert "Book a call" not in client.get("/").content.decode(), "he sells nothing yet"
    make_service(lukas)
    page = client.get("/").content.decode()
    assert f'<a href="/with/{maya.slug}/">Maya Fernandes</a>' in page
    assert "Lukas &lt;i&gt;Weber&lt;/i&gt;" in page
    assert f"/with/{lukas.slug}/" in client.get("/sitemap.xml").content.decode()
    settings.HAS_DIRECTORY = False
    assert "Lukas" not in client.get("/").content.decode()
    assert client.get("/experts/").status_code == 404
    assert "/with/" not in client.get("/sitemap.xml").content.decode()


def test_the_list_of_experts_has_pages(client: Client) -> None:
    for number in range(26):
        make_service(make_expert(f"Expert {number:02}"))
    page = client.get("/").content.decode()
    assert page.count('class="card directory__expert"') == 24
    assert '<a href="/experts/">All experts</a>' in page
    first = client.get("/experts/").content.decode()
    following = re.search(r'href="(\?after=\d+)"', first)
    assert following is not None
    second = client.get(f"/experts/{following[1]}").content.decode()
    assert [name in second for name in ("Expert 23", "Expert 24", "Expert 25")] == [
        False, True, True,
    ]  # fmt: skip
    assert "There are no more experts." in client.get("/experts/?after=99999999").content.decode()
    for odd in ("x", "-1", "9" * 30, "²"):
        assert "Expert 00" in client.get(f"/experts/?after={odd}").content.decode()


@pytest.mark.parametrize("change", ["pause", "inactive", "hidden"])
def test_who_cannot_be_booked_is_not_listed(client: Client, change: str) -> None:
    for name in ("Ana", "Bo", "Cleo"):
        make_service(make_expert(name))
    if change == "pause":
        Expert.objects.filter(name="Bo").update(is_paused=True)
    elif change == "inactive":
        User.objects.filter(expert__name="Bo").update(is_active=False)
    else:
        Service.objects.filter(expert__name="Bo").update(is_active=False)
    page = client.get("/").content.decode()
    assert [f">{name}</a>" in page for name in ("Ana", "Bo", "Cleo")] == [True, False, True]


def test_robots_find_public_pages_only(client: Client, settings: Any) -> None:
    text = client.get("/robots.txt").content.decode()
    assert "Disallow: /checkout/" in text
    assert f"Sitemap: {settings.SITE_URL}/sitemap.xml" in text
    assert client.get("/favicon.ico").url.endswith(".ico")


# --- staff ----------------------------------------------------------------------------------------


def test_staff_give_a_reason_for_a_new_price_and_the_expert_is_told(
    client: Client, maya: Expert
) -> None:
    service = make_service(maya, title="Review", price_minor=2500, currency="EUR")
    client.force_login(make_staff())
    address = f"/admin/bookings/expert/{maya.pk}/change/"
    form = {**staff_pages.shown(client, address), "services-0-price": "30"}
    page = client.post(address, form).content.decode()
    assert "Give the reason for the new price" in page
    service.refresh_from_db()
    assert service.price_minor == 2500
    assert client.post(address, {**form, "reason": "A misprint."}).status_code == 302
    service.refresh_from_db()
    assert service.price_minor == 3000
    mail = OutboxEmail.objects.get()
    text = rendered(mail.kind, None, now=mail.created_at, facts=mail.facts).text
    assert re.search(r"Review: +25.00 EUR → 30.00 EUR\n", text)
    assert "A misprint." in text


def test_an_address_that_staff_change_keeps_leading_to_the_expert(
    client: Client, maya: Expert
) -> None:
    before = maya.slug
    lukas = make_expert("Lukas", slug="lukas")
    shop.change_address(lukas, "lukas-two")
    client.force_login(make_staff())
    address = f"/admin/bookings/expert/{maya.pk}/change/"
    form = staff_pages.shown(client, address)
    assert (
        "Somebody else has this address"
        in client.post(address, {**form, "slug": "lukas"}).content.decode()
    )
    assert client.post(address, {**form, "slug": "maya-new"}).status_code == 302
    assert client.get(f"/with/{before}/").url == "/with/maya-new/"


def test_staff_edit_description_and_questions_on_a_page_of_the_service(
    client: Client, maya: Expert
) -> None:
    service = make_service(maya, title="Review", questions=[{"text": "Old?", "is_required": True}])
    client.force_login(make_staff())
    address = f"/admin/bookings/service/{service.pk}/change/"
    form = staff_pages.shown(client, address)
    Service.objects.update(questions=[{"text": "New?", "is_required": False}], price_minor=100)
    assert client.post(address, {**form, "description": "Words."}).status_code == 302
    service.refresh_from_db()
    assert (service.description, service.price_minor) == ("Words.", 100)
    assert service.questions == [{"text": "New?", "is_required": False}], "the expert's own change"
    form = {**staff_pages.shown(client, address), "question_1": "Why?", "price": "5"}
    assert "Give the reason for the new price" in client.post(address, form).content.decode()
    assert client.post(address, {**form, "reason": "Asked by phone."}).status_code == 302
    service.refresh_from_db()
    assert [question["text"] for question in service.questions] == ["New?", "Why?"]
    assert OutboxEmail.objects.get().kind == "prices_changed_by_staff"
