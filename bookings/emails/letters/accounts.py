"""The account of somebody who signs in: invitation, password, second factor, signing in on a new
device, and what staff has changed about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bookings import formats
from bookings.emails.letter import (
    Facts,
    Letter,
    MailCase,
    page_link,
    password_link,
    password_link_lasts,
)
from bookings.emails.registry import EXPERT, Email
from bookings.models import Expert, InvitationState, User
from bookings.plain_text import one_line
from bookings.wording.reader import Reader

NOT_EXPECTED = "If you did not expect this, reply to this e-mail at once."


def _account_exists(case: MailCase) -> bool:
    """The account may not exist: anybody can enter any address into the form that queues this."""
    try:
        return case.user.is_active
    except User.DoesNotExist:
        return False


@Email(EXPERT, "somebody asks to choose a new password", still_true=_account_exists)
def password_reset(case: MailCase) -> Letter:
    works = f"The link works once, within {password_link_lasts()}."
    return Letter(
        subject=f"Choose a new password for {case.site_name}",
        preheader=works,
        heading="Choose a new password",
        paragraphs=(
            "Somebody, hopefully you, asked for a link to choose a new password for your account.",
        ),
        button=password_link("Choose a new password", case.user),
        closing=(f"{works} If you did not ask for it, ignore this e-mail.",),
        why="your address was entered on the sign-in page",
        is_private=True,
    )


@Email(EXPERT, "staff has changed the address somebody signs in with; sent to the old one")
def address_changed_by_staff(case: MailCase) -> Letter:
    new = one_line(str(case.facts["new"]))
    return Letter(
        subject=f"Your e-mail address on {case.site_name} has been changed",
        preheader=f"From now on you sign in with {new}.",
        heading="Your e-mail address has been changed",
        paragraphs=(
            f"The staff of {case.site_name} changed the e-mail address of your account. From now "
            f"on you sign in with {new}, and we send our e-mails there.",
        ),
        quote=str(case.facts["reason"]),
        quoted="Reason",
        closing=(NOT_EXPECTED,),
        why="this was the address of your account",
    )


@Email(EXPERT, "staff has changed the price of what an expert sells")
def prices_changed_by_staff(case: MailCase) -> Letter:
    prices = tuple((one_line(title), change) for title, change in case.facts["prices"])
    return Letter(
        subject=f"Your prices on {case.site_name} have been changed",
        preheader="Calls that are already booked keep their price.",
        heading="Your prices have been changed",
        paragraphs=(
            f"The staff of {case.site_name} changed what buyers pay for your calls from now on. "
            "Calls that are already booked keep their price.",
        ),
        facts=prices,
        button=page_link("View your services", "services"),
        quote=str(case.facts["reason"]),
        quoted="Reason",
        closing=("If this is not right, you can change it back yourself.",),
        why="this is the address of your account",
    )


@Email(EXPERT, "staff has set a new password for somebody, or switched theirs off")
def password_changed_by_staff(case: MailCase) -> Letter:
    done = (
        f"The staff of {case.site_name} set a new password for your account. You can choose one of "
        "your own with the button below."
    )
    if case.facts.get("is_off"):
        done = (
            f"The staff of {case.site_name} switched off the password of your account. To sign in "
            "again, choose a new one with the button below."
        )
    return Letter(
        subject=f"Your password on {case.site_name} has been changed",
        preheader=NOT_EXPECTED,
        heading="Your password has been changed",
        paragraphs=(done,),
        button=page_link("Choose a new password", "password_reset"),
        quote=str(case.facts["reason"]),
        quoted="Reason",
        closing=(NOT_EXPECTED,),
        why="this is the address of your account",
    )


def _can_be_accepted(case: MailCase) -> bool:
    """A newer e-mail has its own link, and somebody who is an expert already needs none."""
    invitation = case.invitation
    is_newest = invitation.number == case.facts["number"]
    is_open = invitation.state(case.now) == InvitationState.OPEN
    return is_newest and is_open and not Expert.objects.with_address(invitation.email).exists()


@Email(EXPERT, "somebody is invited to become an expert", still_true=_can_be_accepted)
def invitation(case: MailCase) -> Letter:
    invited = case.invitation
    works = f"The link works once, until {case.at(invited.expires_at)}."
    inviter = invited.inviter_name or f"The staff of {case.site_name}"
    return Letter(
        subject=f"Sell calls on {case.site_name}",
        preheader=works,
        heading=f"You are invited to sell calls on {case.site_name}",
        paragraphs=(
            f"{inviter} invited you to become an expert on {case.site_name}: people book calls "
            "with you, and pay when they book.",
            "Open the invitation and choose a password. After that you can add the calls that you "
            "sell and the hours in which people can book them.",
        ),
        button=page_link("Open the invitation", "invitation", token=invited.token),
        closing=(f"{works} If you do not want to sell calls, ignore this e-mail.",),
        why=f"somebody on {case.site_name} entered your address to invite you",
        is_private=True,
    )


# --- what somebody should know at once, in case it was not them -----------------------------------

OF_ACCOUNT = "this is the address of your account"
NOT_YOU = (
    "If this was not you, choose a new password at once: that signs everybody out who is signed in "
    "to your account. Then look at the page “Sign-in and security”."
)


def _when(case: MailCase) -> str:
    """In the zone of an expert; of other staff no zone is known, and they read UTC."""
    at, expert = datetime.fromisoformat(str(case.facts["at"])), getattr(case.user, "expert", None)
    if expert is None:
        return case.at(at)
    reader = Reader.of(expert, now=case.now)
    return f"{reader.moment(at)} ({formats.zone_place(reader.zone)})"


def _told_at_once(
    case: MailCase, subject: str, *paragraphs: str, facts: Facts = (), not_you: str = NOT_YOU
) -> Letter:
    return Letter(
        subject=subject,
        preheader="If this was you, there is nothing to do.",
        paragraphs=paragraphs,
        facts=(*facts, ("When", _when(case))),
        button=page_link("Choose a new password", "password_reset"),
        closing=(f"If this was you, there is nothing to do. {not_you}",),
        why=OF_ACCOUNT,
    )


@Email(EXPERT, "somebody signs in on a device on which they have not signed in before")
def new_sign_in(case: MailCase) -> Letter:
    device, address = str(case.facts["device"]), str(case.facts["address"])
    return _told_at_once(
        case,
        f"You signed in to {case.site_name} on a new device",
        "Somebody, hopefully you, signed in to your account on a device that we do not know.",
        facts=(("Device", device), *((("Address", address),) if address else ())),
    )


@Email(EXPERT, "wrong codes were typed several times in a row, each after the right password")
def wrong_codes(case: MailCase) -> Letter:
    return Letter(
        subject=f"Somebody may know your password for {case.site_name}",
        preheader="They typed the right password, and then wrong codes.",
        heading="Somebody may know your password",
        paragraphs=(
            "Somebody typed your password, and then several wrong codes in a row. They were not "
            "signed in.",
        ),
        facts=(("When", _when(case)),),
        button=page_link("Choose a new password", "password_reset"),
        closing=("If this was not you, choose a new password at once.",),
        why=OF_ACCOUNT,
    )


@Email(EXPERT, "somebody has set up two-step sign-in, or has set it up with another app")
def second_factor_set_up(case: MailCase) -> Letter:
    done = "Two-step sign-in was set up for your account."
    if not case.facts["is_new"]:
        done = (
            "Two-step sign-in was set up with another app. The one before does not work any more."
        )
    return _told_at_once(
        case,
        f"Two-step sign-in on {case.site_name} was set up",
        f"{done} From now on we ask you for a code from your app when you sign in. Your other "
        "devices have been signed out.",
    )


@Email(EXPERT, "two-step sign-in was removed from an account")
def second_factor_removed(case: MailCase) -> Letter:
    by = case.facts.get("by")
    who = {
        "staff": f"The staff of {case.site_name} removed two-step sign-in from your account.",
        "owner": f"The owner of {case.site_name} removed two-step sign-in from your account.",
    }.get(str(by), "Two-step sign-in was removed from your account.")
    letter = _told_at_once(
        case,
        f"Two-step sign-in on {case.site_name} was removed",
        f"{who} Your password alone is enough to sign in now, unless you set it up again. All "
        "other devices have been signed out.",
        not_you=NOT_EXPECTED if by else NOT_YOU,
    )
    return replace(letter, quote=str(case.facts.get("reason", "")), quoted="Reason")


@Email(EXPERT, "somebody has made new recovery codes")
def recovery_codes_replaced(case: MailCase) -> Letter:
    return _told_at_once(
        case,
        f"You have new recovery codes for {case.site_name}",
        "New recovery codes were made for your account. The ones you had before do not work any "
        "more.",
    )


@Email(EXPERT, "somebody has signed in with a recovery code")
def recovery_code_used(case: MailCase) -> Letter:
    left = int(str(case.facts["left"]))
    codes = "1 recovery code is" if left == 1 else f"{left} recovery codes are"
    return _told_at_once(
        case,
        f"A recovery code for {case.site_name} was used",
        f"Somebody, hopefully you, used one of your recovery codes. {codes} left.",
    )


@Email(EXPERT, "somebody has changed their password, or chosen a new one by the link in an e-mail")
def password_changed(case: MailCase) -> Letter:
    return _told_at_once(
        case,
        f"Your password on {case.site_name} was changed",
        "The password of your account was changed. All other devices have been signed out.",
    )


@Email(EXPERT, "staff has changed the address somebody signs in with; sent to the new one")
def address_is_now_yours(case: MailCase) -> Letter:
    old = one_line(str(case.facts["old"]))
    return Letter(
        subject=f"You sign in to {case.site_name} with this address now",
        preheader=f"It was {old} before.",
        heading="You sign in with this address now",
        paragraphs=(
            f"The staff of {case.site_name} changed the e-mail address of your account from {old} "
            "to this one. From now on you sign in with it, and we send our e-mails here.",
        ),
        quote=str(case.facts["reason"]),
        quoted="Reason",
        closing=(NOT_EXPECTED,),
        why=OF_ACCOUNT,
    )
