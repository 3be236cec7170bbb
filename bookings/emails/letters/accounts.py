"""The account of an expert: invitation, password, and what staff has changed about it."""

from __future__ import annotations

from bookings.emails.letter import (
    Letter,
    MailCase,
    page_link,
    password_link,
    password_link_lasts,
)
from bookings.emails.registry import EXPERT, Email
from bookings.models import Expert, InvitationState, User
from bookings.plain_text import one_line

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
