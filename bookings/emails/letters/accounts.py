"""The account somebody signs in with."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from bookings import formats
from bookings.emails.letter import Letter, MailCase, page_link, password_link
from bookings.emails.registry import EXPERT, Email
from bookings.models import Expert, InvitationState, User
from bookings.plain_text import one_line

NOT_EXPECTED = "If you did not expect this, answer this e-mail at once."


def _account_exists(case: MailCase) -> bool:
    """A form to which everybody can send any address writes this e-mail for each of them."""
    try:
        return case.user.is_active
    except User.DoesNotExist:
        return False


@Email(EXPERT, "somebody asks to choose a new password", still_true=_account_exists)
def password_reset(case: MailCase) -> Letter:
    lasts = formats.duration(timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))
    works = f"The link works for {lasts} and once."
    return Letter(
        subject=f"Choose a new password for {case.site_name}",
        preheader=works,
        heading="Choose a new password",
        paragraphs=("Somebody, we hope you, asked to choose a new password for your account.",),
        button=password_link("Choose a new password", case.user),
        closing=(f"{works} If it was not you, ignore this e-mail.",),
        why="your address was entered on the sign-in page",
        is_private=True,
    )


@Email(EXPERT, "staff has changed the address somebody signs in with; sent to the old one")
def address_changed_by_staff(case: MailCase) -> Letter:
    new = one_line(str(case.facts["new"]))
    return Letter(
        subject=f"Your e-mail address at {case.site_name} was changed",
        preheader=f"From now on you sign in with {new}.",
        heading="Your e-mail address was changed",
        paragraphs=(
            f"The staff of {case.site_name} changed the e-mail address of your account. From now "
            f"on you sign in with {new}, and our e-mails go there.",
        ),
        quote=str(case.facts["reason"]),
        quoted="Why",
        closing=(NOT_EXPECTED,),
        why="this was the address of your account",
    )


@Email(EXPERT, "staff has changed the price of what an expert sells")
def prices_changed_by_staff(case: MailCase) -> Letter:
    prices = tuple((one_line(title), change) for title, change in case.facts["prices"])
    return Letter(
        subject=f"A price of yours at {case.site_name} was changed",
        preheader="Calls that are already booked keep their price.",
        heading="A price of yours was changed",
        paragraphs=(
            f"The staff of {case.site_name} changed what buyers pay for your calls from now on. "
            "Calls that are already booked keep their price.",
        ),
        facts=prices,
        button=page_link("View your services", "services"),
        quote=str(case.facts["reason"]),
        quoted="Why",
        closing=("If this is not right, you can change it back yourself.",),
        why="this is the address of your account",
    )


@Email(EXPERT, "staff has set a new password for somebody, or switched theirs off")
def password_changed_by_staff(case: MailCase) -> Letter:
    done = "set a new password for your account. You can choose one of your own"
    if case.facts.get("is_off"):
        done = "switched off the password of your account. To sign in again, choose a new one"
    return Letter(
        subject=f"Your password at {case.site_name} was changed",
        preheader=NOT_EXPECTED,
        heading="Your password was changed",
        paragraphs=(f"The staff of {case.site_name} {done} with the button below.",),
        button=page_link("Choose a new password", "password_reset"),
        quote=str(case.facts["reason"]),
        quoted="Why",
        closing=(NOT_EXPECTED,),
        why="this is the address of your account",
    )


def _can_be_accepted(case: MailCase) -> bool:
    """A newer mail has a link of its own, and whoever is an expert already needs none."""
    invitation = case.invitation
    is_newest = invitation.number == case.facts["number"]
    is_open = invitation.state(case.now) == InvitationState.OPEN
    return is_newest and is_open and not Expert.objects.with_address(invitation.email).exists()


@Email(EXPERT, "somebody is invited to become an expert", still_true=_can_be_accepted)
def invitation(case: MailCase) -> Letter:
    invited = case.invitation
    works = f"The link works until {case.at(invited.expires_at)}, and once."
    inviter = invited.inviter_name or f"The staff of {case.site_name}"
    return Letter(
        subject=f"Sell calls at {case.site_name}",
        preheader=works,
        heading=f"You are invited to sell calls at {case.site_name}",
        paragraphs=(
            f"{inviter} invited you to become an expert at "
            f"{case.site_name}: people book a call with you and pay for it when they book.",
            "Open the invitation and choose a password. After that you add what you sell and when "
            "you can be booked.",
        ),
        button=page_link("Open the invitation", "invitation", token=invited.token),
        closing=(f"{works} If you do not want to sell calls, ignore this e-mail.",),
        why=f"somebody at {case.site_name} entered your address to invite you",
        is_private=True,
    )
