"""The help article with its question, and support requests with their answers."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from bookings import helpdesk
from bookings.models import Expert, HelpFeedback, OutboxEmail, SupportRequest
from tests.builders import NOW, make_booking, make_expert, make_service, make_staff

pytestmark = pytest.mark.django_db
HELP, FEEDBACK, SUPPORT = "/help/no-shows/", "/help/no-shows/feedback/", "/support/"
FOLLOWERS = "/help/followers/"
HTMX = {"HX-Request": "true"}


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_list_of_keys_is_a_dialog_and_no_page(client: Client, maya: Expert) -> None:
    client.force_login(maya.user)
    fetched = client.get("/keys/", headers={"HX-Request": "true"}).content.decode()
    assert fetched.startswith('<dialog class="dialog" id="keys"')
    assert fetched.rstrip().endswith("</dialog>")
    assert client.get("/keys/").headers["Location"] == "/account/"


# --- the article ----------------------------------------------------------------------------


def test_the_article_is_there_for_everybody(client: Client, maya: Expert) -> None:
    assert "When a call did not happen" in words(client.get(HELP))
    client.force_login(maya.user)
    assert "Need action" in words(client.get(HELP))


def test_the_figures_are_those_in_force(client: Client, settings: Any) -> None:
    assert "You get 72 hours to put it right" in words(client.get(HELP))
    settings.POLICY = {**settings.POLICY, "no_show_window": timedelta(hours=48)}
    text = words(client.get(HELP))
    assert "You get 48 hours to put it right" in text
    assert "14 days to pick" in text


def test_a_reader_says_yes_and_then_adds_a_comment_without_scripts(client: Client) -> None:
    asked = client.post(FEEDBACK, {"answer": "yes"}, follow=True)
    assert "What should we add or change?" in words(asked)
    thanked = client.post(FEEDBACK, {"comment": "Tell more about banks."}, follow=True)
    assert "We read every answer." in words(thanked)
    stored = HelpFeedback.objects.get()
    assert (stored.is_helpful, stored.comment) == (True, "Tell more about banks.")
    assert stored.user is None


def test_with_htmx_only_the_question_is_swapped(desk: Client, maya: Expert) -> None:
    response = desk.post(FEEDBACK, {"answer": "no"}, headers=HTMX)
    html = response.content.decode()
    assert html.strip().startswith("<section")
    assert "<html" not in html
    assert 'hx-post="/help/no-shows/feedback/"' in html
    assert HelpFeedback.objects.get().user == maya.user
    again = desk.post(FEEDBACK, {"comment": "Too long."}, headers=HTMX)
    assert "Thank you" in words(again)


def test_a_reader_who_changes_their_mind_counts_once(client: Client) -> None:
    client.post(FEEDBACK, {"answer": "yes"})
    client.post(FEEDBACK, {"answer": "no"})
    assert list(HelpFeedback.objects.values_list("is_helpful", flat=True)) == [False]


def test_strangers_cannot_fill_the_table(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpdesk, "STRANGERS_AN_HOUR", 2)
    for _ in range(4):
        assert Client().post(FEEDBACK, {"answer": "yes"}).status_code == 302
    assert HelpFeedback.objects.count() == 2


def test_nobody_comments_on_the_answer_of_somebody_else(client: Client) -> None:
    client.post(FEEDBACK, {"answer": "yes"})
    stranger = Client().post(FEEDBACK, {"comment": "Mine now"}, follow=True)
    assert "Was this article helpful?" in words(stranger)
    assert HelpFeedback.objects.get().comment == ""


def test_nonsense_is_not_stored(client: Client) -> None:
    for form in ({"answer": "maybe"}, {}, {"comment": "   "}, {"comment": "x" * 2001}):
        assert client.post(FEEDBACK, form).status_code in (302, 422)
    assert not HelpFeedback.objects.exists()
    assert client.get(FEEDBACK).status_code == 405


def test_opening_the_article_writes_nothing(client: Client) -> None:
    client.get(HELP, {"feedback": "thanks", "answer": "yes"})
    assert not HelpFeedback.objects.exists()
    assert not client.cookies.get("topmate_session")


def test_followers_have_an_article_of_their_own(client: Client, settings: Any) -> None:
    settings.POLICY = {**settings.POLICY, "no_show_window": timedelta(hours=48)}
    maya = make_expert()
    make_service(maya)
    page = client.get(f"/with/{maya.slug}/").content.decode()
    assert f'<a href="{FOLLOWERS}">How this works</a>' in page
    text = words(client.get(FOLLOWERS))
    assert "The expert has 48 hours to answer." in text
    assert "You get 48 hours" not in text
    assert "Was this article helpful?" in text


def test_each_article_counts_its_own_answers(client: Client) -> None:
    client.post(FEEDBACK, {"answer": "yes"})
    asked = client.post(f"{FOLLOWERS}feedback/", {"answer": "no"}, follow=True)
    assert asked.redirect_chain[-1][0] == f"{FOLLOWERS}?feedback=comment#feedback"
    client.post(f"{FOLLOWERS}feedback/", {"comment": "Too short."})
    assert list(
        HelpFeedback.objects.order_by("pk").values_list("article", "is_helpful", "comment")
    ) == [("no-shows", True, ""), ("followers", False, "Too short.")]
    part = client.post(f"{FOLLOWERS}feedback/", {"answer": "yes"}, headers=HTMX).content.decode()
    assert part.strip().startswith("<section")
    assert f'hx-post="{FOLLOWERS}feedback/"' in part


# --- support --------------------------------------------------------------------------------


def ask(desk: Client, **changes: str) -> Any:
    form = {"subject": "A refund", "code": "", "message": "Where is it?\nThank you."}
    return desk.post(SUPPORT, {**form, **changes})


def test_a_request_is_stored_and_mailed_to_staff(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya)
    response = ask(desk, code=f" {booking.code.lower()} ")
    assert response.status_code == 302
    asked = SupportRequest.objects.get()
    assert (asked.expert, asked.booking, asked.subject) == (maya, booking, "A refund")
    email = OutboxEmail.objects.get(kind="staff_support_request")
    assert email.facts["support_request"] == asked.pk
    shown = words(desk.get(SUPPORT))
    assert "Waiting for an answer" in shown
    assert "maya@example.com" in shown


def test_the_booking_of_the_link_is_filled_in_only_when_it_is_ones_own(
    desk: Client, maya: Expert
) -> None:
    own, other = make_booking(maya), make_booking()
    assert f'value="{own.code}"' in desk.get(SUPPORT, {"booking": own.code}).content.decode()
    assert (
        f'value="{other.code}"' not in desk.get(SUPPORT, {"booking": other.code}).content.decode()
    )


def test_a_strangers_booking_and_an_unknown_one_get_the_same_answer(
    desk: Client, maya: Expert
) -> None:
    for code in (make_booking().code, "TM-2222222"):
        response = ask(desk, code=code)
        assert response.status_code == 422
        assert "You have no booking with this code." in words(response)
    assert not SupportRequest.objects.exists()


def test_a_second_click_sends_one_request(desk: Client, maya: Expert) -> None:
    ask(desk)
    ask(desk)
    assert SupportRequest.objects.count() == 1
    assert OutboxEmail.objects.count() == 1


def test_requests_of_one_day_are_limited(desk: Client, maya: Expert) -> None:
    for n in range(helpdesk.REQUESTS_A_DAY):
        assert ask(desk, subject=f"Question {n}").status_code == 302
    response = ask(desk, subject="One more")
    assert response.status_code == 422
    assert "many requests today" in words(response)
    assert SupportRequest.objects.count() == helpdesk.REQUESTS_A_DAY


@pytest.mark.parametrize("missing", ["subject", "message"])
def test_an_empty_field_is_named(desk: Client, missing: str) -> None:
    response = ask(desk, **{missing: " \n "})
    assert response.status_code == 422
    assert f'href="#id_{missing}"' in response.content.decode()
    assert not SupportRequest.objects.exists()


def test_a_subject_cannot_carry_mail_headers_or_markup(desk: Client, maya: Expert) -> None:
    ask(desk, subject="Hi\r\nBcc: x@evil.example\x85\u2028", message="<script>alert(1)</script>")
    asked = SupportRequest.objects.get()
    assert asked.subject == "Hi Bcc: x@evil.example"
    assert "<script>alert" not in desk.get(SUPPORT).content.decode()


def test_the_answer_is_mailed_once_and_shown(desk: Client, maya: Expert) -> None:
    ask(desk)
    asked, staff = SupportRequest.objects.get(), make_staff()
    assert helpdesk.answer(asked.pk, text="It is with the bank.", by=staff, now=NOW)
    assert not helpdesk.answer(asked.pk, text="Something else.", by=staff, now=NOW)
    assert OutboxEmail.objects.filter(kind="support_answer").count() == 1
    shown = words(desk.get(SUPPORT))
    assert "It is with the bank." in shown
    assert "Something else." not in shown


def test_an_expert_reads_only_their_own_requests(desk: Client, maya: Expert) -> None:
    helpdesk.ask(make_expert("Lukas"), subject="Secret", message="…", booking=None, now=NOW)
    assert "Secret" not in words(desk.get(SUPPORT))
