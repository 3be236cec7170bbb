"""Invitations to become an expert: who may invite, what the link does, and when it is over."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import emails, invitations
from bookings.models import Expert, Invitation, OutboxEmail, OutboxState, User
from bookings.states import TransitionNotAllowed
from tests.builders import NOW, make_expert, make_staff, make_user
from tests.builders import PASSWORD as BUILDERS_PASSWORD
from tests.racing import together
from tests.staff_pages import act, url
from topmate.logs import mask_links

pytestmark = pytest.mark.django_db
PASSWORD = "a call that keeps its promise"
FORM = {"name": "Nina Keller", "password": PASSWORD}
LATER = timedelta(minutes=6)
"""After which an address may be mailed again."""


def invite(email: str = "nina@example.org", **more: Any) -> Invitation:
    return invitations.invite(email, now=more.pop("now", timezone.now()), **more)


def path_of(invitation: Invitation) -> str:
    return reverse("invitation", kwargs={"token": invitation.token})


def send_again(invitation: Invitation) -> Invitation:
    Invitation.objects.update(sent_at=timezone.now() - LATER)
    return invitations.send_again(invitation.pk, now=timezone.now())


def text_of(response: Any) -> str:
    return unescape(" ".join(response.content.decode().split()))


def refusal_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(TransitionNotAllowed) as refused:
        call(*args, **kwargs)
    return refused.value.sentence


@pytest.fixture
def owner(client: Client) -> Client:
    user = make_staff("owner@example.org")
    client.force_login(user)
    return client


# --- the e-mail -----------------------------------------------------------------------------------


def test_it_is_mailed_with_a_link_of_its_own(mailoutbox: list[Any]) -> None:
    ana = make_expert("Ana López")
    invitation = invite("Nina.Keller@Example.org", name="Nina Keller", by=ana.user)
    emails.deliver_all(OutboxEmail.objects.ids(), now=timezone.now())
    (mail,) = mailoutbox
    assert mail.to == ["Nina Keller <nina.keller@example.org>"]
    assert "Ana López invited you to become an expert" in " ".join(mail.body.split())
    assert ana.user.email not in mail.body
    assert path_of(invitation) in mail.body
    assert "The links are private" in mail.body


def ended(how: str, invitation: Invitation) -> None:
    now = timezone.now()
    if how == "revoked":
        invitations.revoke(invitation.pk, now=now)
    elif how == "accepted":
        Client().post(path_of(invitation), FORM)
    elif how == "expired":
        Invitation.objects.update(expires_at=now)
    elif how == "superseded":
        send_again(invitation)
    elif how == "an expert already":
        make_expert(email=invitation.email)
    elif how == "switched off":
        make_user(invitation.email, is_active=False)


@pytest.mark.parametrize(
    "how", ["revoked", "accepted", "expired", "superseded", "an expert already"]
)
def test_what_is_over_is_not_mailed_any_more(how: str, mailoutbox: list[Any]) -> None:
    invitation = invite()
    first = OutboxEmail.objects.get()
    ended(how, invitation)
    emails.deliver_all([first.pk], now=timezone.now())
    first.refresh_from_db()
    assert (first.state, mailoutbox) == (OutboxState.CANCELLED, [])


def test_how_long_a_link_works_is_a_setting(settings: Any, client: Client) -> None:
    lasts = settings.INVITATION_WINDOW
    assert lasts == timedelta(days=14)
    assert invite(now=NOW).expires_at == NOW + lasts
    settings.INVITATION_WINDOW = timedelta(hours=1)
    link = path_of(invite("short@example.org", now=timezone.now() - timedelta(minutes=61)))
    assert client.get(link).status_code == 410


# --- accepting ------------------------------------------------------------------------------------


def test_the_link_makes_an_expert_who_is_led_on(client: Client) -> None:
    invitation = invite(name="Nina Keller")
    page = text_of(client.get(path_of(invitation)))
    assert 'value="Nina Keller"' in page
    assert "You will sign in with nina@example.org." in page
    client.cookies["tz"] = "Europe/Berlin"
    response = client.post(path_of(invitation), FORM, follow=True)
    assert response.redirect_chain == [("/account/services/add/", 302)]
    assert "Welcome, Nina. You can be booked from Monday to Friday" in text_of(response)
    expert = Expert.objects.get()
    assert (expert.name, expert.slug, expert.time_zone) == (
        "Nina Keller", "nina-keller", "Europe/Berlin",
    )  # fmt: skip
    assert expert.weekly_hours.count() == 5
    assert (expert.user.is_staff, expert.user.check_password(PASSWORD)) == (False, True)
    invitation.refresh_from_db()
    assert invitation.accepted_at is not None
    assert invitation.expert == expert
    again = text_of(client.get(path_of(invitation)))
    assert "You are signed in with nina@example.org." in again
    assert "sign in." not in again


def test_looking_changes_nothing(client: Client) -> None:
    invitation = invite()
    before = Invitation.objects.values().get()
    for _ in range(2):
        assert client.get(path_of(invitation)).status_code == 200
        assert client.head(path_of(invitation)).status_code == 200
    assert client.put(path_of(invitation)).status_code == 405
    assert Invitation.objects.values().get() == before
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("revoked", "This invitation was taken back."),
        ("accepted", "This invitation was accepted already, and its link works once."),
        ("expired", "This invitation was not accepted in time."),
        ("superseded", "A newer e-mail with this invitation was sent to you"),
        ("an expert already", "There is an expert with the address nina@example.org already."),
        ("switched off", "The account of nina@example.org is switched off."),
    ],
)
def test_a_link_that_is_over_says_what_happened_and_does_nothing(how: str, sentence: str) -> None:
    invitation = invite(by=make_staff("owner@example.org"))
    link = path_of(invitation)
    ended(how, invitation)
    before = (User.objects.count(), Expert.objects.count())
    for response in (Client().get(link), Client().post(link, {**FORM, "name": "Eve"})):
        assert response.status_code == 410
        assert sentence in text_of(response)
        is_expert = how in ("accepted", "an expert already")
        whom = 'href="/sign-in/"' if is_expert else 'href="mailto:owner@example.org'
        assert whom in text_of(response)
    assert (User.objects.count(), Expert.objects.count()) == before


def test_the_newest_link_works_when_it_was_sent_again(client: Client) -> None:
    invitation = invite(now=timezone.now() - timedelta(days=20))
    old = path_of(invitation)
    assert client.get(old).status_code == 410
    again = send_again(invitation)
    assert path_of(again) != old
    assert client.get(old).status_code == 410
    assert client.post(path_of(again), FORM).status_code == 302
    assert OutboxEmail.objects.filter(kind="invitation").count() == 2


def test_of_two_at_once_one_gets_the_account() -> None:
    """Both had opened the page when the link still worked."""
    invitation = invite()
    both = [invitations.open_link(invitation.token, now=timezone.now()) for _ in range(2)]
    assert all(both)
    first, second = both
    assert first is not None
    assert second is not None
    invitations.accept(first, name="Nina", password=PASSWORD)
    with pytest.raises(invitations.Over):
        invitations.accept(second, name="Eve", password=PASSWORD)
    assert [expert.name for expert in Expert.objects.all()] == ["Nina"]


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_make_one_account() -> None:
    link = path_of(invite())
    names = ("Nina Keller", "Eve Keller")

    def press(name: str) -> int:
        return Client().post(link, {**FORM, "name": name}).status_code

    answers = together(*(lambda name=name: press(name) for name in names))
    assert sorted(answers) == [302, 410]
    assert (User.objects.count(), Expert.objects.count()) == (1, 1)


@pytest.mark.parametrize("how", ["revoked", "superseded"])
def test_accepting_asks_the_database_once_more_whether_it_is_open(how: str) -> None:
    invitation = invite()
    opened = invitations.open_link(invitation.token, now=timezone.now())
    assert opened is not None
    ended(how, invitation)
    with pytest.raises(invitations.Over):
        invitations.accept(opened, name="Nina", password=PASSWORD)
    assert not User.objects.exists()


def test_a_name_that_was_taken_at_the_same_moment_leaves_the_link_open(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_expert(slug="nina-keller")
    monkeypatch.setattr("bookings.shop.free_address", lambda name: "nina-keller")
    invitation = invite()
    response = client.post(path_of(invitation), FORM)
    assert response.status_code == 409
    assert "Please try again." in text_of(response)
    monkeypatch.undo()
    assert client.post(path_of(invitation), FORM).status_code == 302


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "Write your name."),
        ({"name": "evil.example"}, "Write a name without a web address"),
        ({"name": "x" * 5000}, "can have at most 80 characters"),
        ({"password": ""}, "Choose a password."),
        ({"password": "short"}, "too short"),
        ({"password": "nina@example.org"}, "too similar to the e-mail address"),
    ],
)
def test_what_is_wrong_is_said_and_the_link_stays(
    client: Client, change: dict[str, str], sentence: str
) -> None:
    invitation = invite()
    response = client.post(path_of(invitation), {**FORM, **change})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert not User.objects.exists()
    assert client.post(path_of(invitation), FORM).status_code == 302


@pytest.mark.parametrize("token", ["x", "1~x.y", "1~" + "x" * 32 + "." + "y" * 43])
def test_a_made_up_link_is_no_page(client: Client, token: str) -> None:
    invite()
    assert client.get(f"/invitation/{token}/").status_code == 404
    assert client.post(f"/invitation/{token}/", FORM).status_code == 404
    assert not User.objects.exists()


def test_a_link_with_another_number_is_none(client: Client) -> None:
    """The number is signed: nobody makes the link of an e-mail that was not sent."""
    token = invite().token
    assert client.get(f"/invitation/{token.replace('1~', '2~', 1)}/").status_code == 404


def test_the_link_is_never_logged() -> None:
    path = path_of(invite())
    token = path.split("/")[2]
    for line in (f"GET {path}", f"/sign-in/?next={path.replace('/', '%2F')}", f"token={token}"):
        assert token.partition("~")[2] not in mask_links(line)


# --- somebody with an account ---------------------------------------------------------------------


def test_an_account_that_is_there_signs_in_and_presses_one_button(client: Client) -> None:
    user = make_user("nina@example.org", is_staff=True, first_name="Nina", last_name="Keller")
    old_password = user.password
    invitation = invite("NINA@example.org")
    page = text_of(client.get(path_of(invitation)))
    assert "The address nina@example.org already has an account." in page
    assert f'href="/sign-in/?next={path_of(invitation)}"' in page
    assert 'name="password"' not in page
    assert client.post(path_of(invitation), FORM).status_code == 403
    client.force_login(make_user("other@example.org"))
    other = text_of(client.get(path_of(invitation)))
    assert "You are signed in as other@example.org" in other
    assert client.post(path_of(invitation), FORM).status_code == 403
    assert not Expert.objects.exists()
    client.force_login(user)
    page = text_of(client.get(path_of(invitation)))
    assert 'value="Nina Keller"' in page
    assert 'name="password"' not in page
    assert client.post(path_of(invitation), {"name": "Nina Keller"}).status_code == 302
    user.refresh_from_db()
    assert (user.expert.name, user.password, user.is_staff) == ("Nina Keller", old_password, True)


def test_signing_in_leads_back_to_the_invitation(client: Client) -> None:
    make_user("nina@example.org")
    link = path_of(invite())
    form = {"username": "Nina@example.org", "password": BUILDERS_PASSWORD, "next": link}
    assert client.post("/sign-in/", form).headers["Location"] == link
    assert "Accept the invitation" in text_of(client.get(link))


def test_signing_out_of_another_account_leads_on_to_the_right_one(client: Client) -> None:
    make_user("nina@example.org")
    client.force_login(make_user("other@example.org"))
    link = path_of(invite())
    found = re.search(r'name="next" value="([^"]+)"', text_of(client.get(link)))
    assert found is not None
    response = client.post("/sign-out/", {"next": found[1]})
    assert response.headers["Location"] == f"/sign-in/?next={link}"


def test_who_is_signed_in_as_somebody_else_is_told(owner: Client) -> None:
    page = text_of(owner.get(path_of(invite())))
    assert "You are signed in as owner@example.org." in page


def test_an_account_made_meanwhile_is_not_taken_over(client: Client) -> None:
    """The form was open before; whoever made the account has its password."""
    invitation = invite()
    opened = invitations.open_link(invitation.token, now=timezone.now())
    assert opened is not None
    make_user("nina@example.org")
    with pytest.raises(invitations.Over):
        invitations.accept(opened, name="Nina", password=PASSWORD)
    assert client.post(path_of(invitation), FORM).status_code == 403
    assert not User.objects.get().check_password(PASSWORD)
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


# --- inviting -------------------------------------------------------------------------------------


def test_whom_nobody_can_invite() -> None:
    make_expert(email="maya@example.org")
    make_user("off@example.org", is_active=False)
    assert "is already an expert here" in refusal_of(invite, "Maya@Example.ORG")
    assert "is switched off" in refusal_of(invite, "off@example.org")
    invite("nina@bücher.example")
    assert "already has an invitation" in refusal_of(invite, "Nina@BÜCHER.example")
    assert Invitation.objects.count() == 1


def test_of_two_who_invite_at_once_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "refusal_to_invite", lambda email, now: None)
    invite()
    assert "already has an invitation" in refusal_of(invite, "Nina@example.org")
    assert OutboxEmail.objects.count() == 1


def test_an_address_is_not_mailed_again_and_again() -> None:
    invitation = invite(now=NOW)
    soon, later = NOW + timedelta(minutes=4), NOW + timedelta(minutes=5)
    assert "You can send another one in" in refusal_of(
        invitations.send_again, invitation.pk, now=soon
    )
    invitations.revoke(invitation.pk, now=soon)
    assert "You can send another one in" in refusal_of(invite, now=soon)
    again = invite(now=later)
    for number in range(2, invitations.SENT_AT_MOST + 1):
        moment = later + number * timedelta(minutes=6)
        assert invitations.send_again(again.pk, now=moment).number == number
    assert "in another way" in refusal_of(
        invitations.send_again, again.pk, now=NOW + timedelta(days=1)
    )


@pytest.mark.parametrize("verb", [invitations.send_again, invitations.revoke])
def test_what_is_accepted_at_the_same_moment_is_neither_sent_nor_revoked(
    verb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = invite()
    accepted = {"accepted_at": timezone.now()}
    monkeypatch.setattr(
        invitations,
        "refusal",
        lambda *_: Invitation.objects.update(**accepted) and None,
    )
    assert "has changed" in refusal_of(verb, invitation.pk, now=timezone.now())
    row = Invitation.objects.get()
    assert (row.revoked_at, row.number) == (None, 1)


@pytest.mark.parametrize("how", ["revoked", "accepted"])
def test_what_is_over_stays_over(how: str) -> None:
    invitation = invite()
    ended(how, invitation)
    later = timezone.now() + LATER
    for verb in (invitations.send_again, invitations.revoke):
        assert f"has already been {how}" in refusal_of(verb, invitation.pk, now=later)


def test_a_revoked_address_can_be_invited_anew(client: Client) -> None:
    first = invite(now=timezone.now() - LATER)
    invitations.revoke(first.pk, now=timezone.now())
    second = invite()
    assert client.get(path_of(first)).status_code == 410
    assert client.post(path_of(second), FORM).status_code == 302


# --- the owner's page -----------------------------------------------------------------------------

INVITE = {"invite-email": "Nina@example.org", "invite-name": "Nina Keller"}


def test_the_owner_invites_sends_again_and_revokes(owner: Client) -> None:
    response = owner.post("/setup/invitations/", INVITE, follow=True)
    page = text_of(response)
    assert response.redirect_chain == [("/setup/", 302)]
    assert "is invited." in page
    assert "Not accepted yet" in page
    assert "<strong>Nina Keller</strong>" in page
    invitation = Invitation.objects.get()
    assert invitation.invited_by == User.objects.get()
    assert invitation.token not in page
    again = f"/setup/invitations/{invitation.pk}/again/"
    assert "went to nina@example.org just now" in text_of(owner.post(again, follow=True))
    Invitation.objects.update(sent_at=timezone.now() - LATER)
    assert "is sent to nina@example.org again" in text_of(owner.post(again, follow=True))
    assert Invitation.objects.get().number == 2
    revoke = f"/setup/invitations/{invitation.pk}/revoke/"
    page = text_of(owner.post(revoke, follow=True))
    assert "The invitation of nina@example.org is revoked." in page
    assert "Not accepted yet" not in page
    assert "has already been revoked" in text_of(owner.post(revoke, follow=True))
    assert owner.post("/setup/invitations/999/revoke/").status_code == 404
    assert owner.get(revoke).status_code == 405


def test_an_expired_one_is_shown_as_such(owner: Client) -> None:
    invite(now=timezone.now() - timedelta(days=15))
    page = text_of(owner.get("/setup/"))
    assert "Expired" in page
    assert "It could be accepted until" in page


def test_what_is_wrong_with_an_invitation_is_said(owner: Client) -> None:
    make_expert(email="maya@example.org")
    for email, sentence in (
        ("", "Write the e-mail address of whom you invite."),
        ("nina", "Write an e-mail address like name@example.com."),
        ("maya@example.org", "maya@example.org is already an expert here."),
    ):
        response = owner.post("/setup/invitations/", {**INVITE, "invite-email": email})
        assert response.status_code == 422
        assert sentence in text_of(response)
    assert not Invitation.objects.exists()


NASTY = '<script>alert("x")</script>'


def test_a_nasty_name_is_only_text(owner: Client) -> None:
    owner.post("/setup/invitations/", {**INVITE, "invite-name": NASTY})
    link = path_of(Invitation.objects.get())
    row = Invitation.objects.get()
    for page in (owner.get("/setup/"), Client().get(link), owner.get(url(row))):
        assert NASTY not in page.content.decode()
    (mail,) = OutboxEmail.objects.all()
    assert mail.kind == "invitation"
    Invitation.objects.update(name="www.evil.example")
    assert "evil" not in Client().get(link).content.decode()


# --- the admin ------------------------------------------------------------------------------------


def helper(client: Client, *rights: str) -> User:
    user = make_user("helper@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


def test_staff_invites_and_acts_in_the_admin(client: Client) -> None:
    user = helper(client, "view_invitation", "add_invitation", "change_invitation")
    form = {"email": "Nina@example.org", "name": "Nina Keller"}
    response = client.post("/admin/bookings/invitation/add/", form, follow=True)
    assert "was added successfully" in text_of(response)
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.invited_by) == ("nina@example.org", user)
    assert OutboxEmail.objects.filter(kind="invitation").count() == 1
    again = client.post("/admin/bookings/invitation/add/", form)
    assert "already has an invitation" in text_of(again)
    page = text_of(client.get(url(invitation)))
    assert invitation.key not in page
    assert 'name="email"' not in page
    assert client.post(url(invitation), {"email": "eve@example.org"}).status_code == 403
    Invitation.objects.update(sent_at=timezone.now() - LATER)
    assert "The e-mail will be sent within a minute." in act(client, [invitation], "send_again")
    assert "went to nina@example.org just now" in act(client, [invitation], "send_again")
    assert "Revoked." in act(client, [invitation], "revoke")
    assert "has already been revoked" in act(client, [invitation], "revoke")
    for state in ("open", "expired", "accepted", "revoked"):
        listed = text_of(client.get(f"/admin/bookings/invitation/?state={state}"))
        assert ("nina@example.org" in listed) == (state == "revoked")


def test_an_account_that_is_an_expert_is_refused_in_the_admin(client: Client) -> None:
    make_expert(email="maya@example.org")
    client.force_login(make_staff())
    for form, sentence in (
        ({"email": "maya@example.org"}, "is already an expert here"),
        ({"email": "x"}, "Write an e-mail address"),
        ({"email": ""}, "required"),
        ({"email": "a@example.org", "name": "http://x.example"}, "without a web address"),
    ):
        assert sentence in text_of(client.post("/admin/bookings/invitation/add/", form))
    assert not Invitation.objects.exists()


def test_without_the_right_nobody_invites(client: Client) -> None:
    invitation = invite()
    helper(client, "view_invitation")
    assert client.get(url(invitation)).status_code == 200
    form = {"email": "eve@example.org"}
    assert client.post("/admin/bookings/invitation/add/", form).status_code == 403
    for name in ("send_again", "revoke"):
        address = reverse("admin:bookings_invitation_act", args=[name])
        assert client.post(address, {"ids": invitation.pk}).status_code == 403
    assert client.post("/setup/invitations/", INVITE).status_code == 404
    helper_without = make_user("none@example.org", is_staff=True)
    client.force_login(helper_without)
    assert client.get("/admin/bookings/invitation/").status_code == 403
    assert Invitation.objects.get().revoked_at is None


# --- commands -------------------------------------------------------------------------------------


def test_invite_prints_the_link_it_mails(capsys: Any, client: Client) -> None:
    call_command("invite", "Nina@example.org", name="Nina Keller")
    printed = capsys.readouterr()
    invitation = Invitation.objects.get()
    assert printed.out.strip().endswith(path_of(invitation))
    assert "nina@example.org is invited until" in printed.err
    assert OutboxEmail.objects.get().kind == "invitation"
    page = text_of(client.get(path_of(invitation)))
    assert "You are invited to become an expert" in page


def test_invite_again_prints_a_new_link(capsys: Any) -> None:
    invite(now=timezone.now() - LATER)
    with pytest.raises(CommandError, match=r"already has an invitation.*--again"):
        call_command("invite", "nina@example.org")
    call_command("invite", "NINA@example.org", again=True)
    assert capsys.readouterr().out.strip().endswith(path_of(Invitation.objects.get()))
    assert Invitation.objects.get().number == 2
    with pytest.raises(CommandError, match="no invitation that is open"):
        call_command("invite", "eve@example.org", again=True)


def test_add_expert_makes_both_and_prints_where_to_choose_a_password(
    capsys: Any, client: Client
) -> None:
    open_one = invite()
    call_command("add_expert", "Nina@example.org", name="Nina Keller", zone="Europe/Berlin")
    printed = capsys.readouterr()
    expert = Expert.objects.get()
    assert (expert.name, expert.time_zone, expert.user.email) == (
        "Nina Keller", "Europe/Berlin", "nina@example.org",
    )  # fmt: skip
    assert "/with/nina-keller/" in printed.err
    assert "once, within 4 hours" in printed.err
    path = "/" + printed.out.strip().split("/", 3)[3]
    form = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    client.post(client.get(path).headers["Location"], form)
    assert User.objects.get().check_password(PASSWORD)
    open_one.refresh_from_db()
    assert open_one.revoked_at is not None


def test_add_expert_leaves_the_password_of_an_account_that_is_there(capsys: Any) -> None:
    make_user("nina@example.org")
    call_command("add_expert", "nina@example.org", name="Nina")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "signs in with the password of nina@example.org" in printed.err


@pytest.mark.parametrize(
    ("command", "email", "options", "sentence"),
    [
        ("invite", "nina", {}, "'nina' is not an e-mail address."),
        ("invite", "maya@example.org", {}, "is already an expert here"),
        ("invite", "n@example.org", {"name": "x.example"}, "'x.example' is not a name."),
        ("add_expert", "nina", {"name": "Nina"}, "'nina' is not an e-mail address."),
        ("add_expert", "n@example.org", {"name": " "}, "is not a name"),
        ("add_expert", "n@example.org", {"name": "N", "zone": "Mars"}, "no time zone 'Mars'"),
        ("add_expert", "maya@example.org", {"name": "M"}, "is already an expert here"),
    ],
)
def test_a_command_says_what_is_wrong(
    command: str, email: str, options: dict[str, str], sentence: str
) -> None:
    make_expert(email="maya@example.org")
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command(command, email, **options)
    assert User.objects.count() == 1
    assert not Invitation.objects.exists()
