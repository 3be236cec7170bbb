"""E-mails about the account somebody signs in with."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bookings import formats
from bookings.emails import truths
from bookings.emails.case import Case, page
from bookings.emails.kinds import EXPERT, kind
from bookings.emails.letter import Letter, Link
from bookings.emails.words import site_name
from bookings.plain_text import one_line

NOT_EXPECTED = "If you did not expect this, answer this e-mail at once."


@kind(EXPERT, "somebody asks to choose a new password", still_true=truths.account_exists)
def password_reset(case: Case) -> Letter:
    """The token is made when it is sent and stored nowhere."""
    user = case.user
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    address = page("password_reset_confirm", uidb64=uid, token=token)
    lasts = formats.spelled(timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))
    works = f"The link works for {lasts} and once."
    return Letter(
        subject=f"Choose a new password for {site_name()}",
        preheader=works,
        heading="Choose a new password",
        paragraphs=("somebody, we hope you, asked to choose a new password for your account.",),
        button=Link("Choose a new password", address),
        policy=(f"{works} If it was not you, ignore this e-mail.",),
        why="You get this e-mail because your address was entered on the sign-in page.",
        is_private=True,
    )


@kind(EXPERT, "staff has changed the address somebody signs in with; sent to the old one")
def address_changed_by_staff(case: Case) -> Letter:
    new = one_line(str(case.facts["new"]))
    return Letter(
        subject=f"Your e-mail address at {site_name()} was changed",
        preheader=f"From now on you sign in with {new}.",
        heading="Your e-mail address was changed",
        paragraphs=(
            f"The staff of {site_name()} changed the e-mail address of your account. From now on "
            f"you sign in with {new}, and our e-mails go there.",
        ),
        quote=str(case.facts["reason"]),
        quoted="Why",
        policy=(NOT_EXPECTED,),
        why="You get this e-mail because this was the address of your account.",
    )


@kind(EXPERT, "staff has set a new password for somebody, or switched theirs off")
def password_changed_by_staff(case: Case) -> Letter:
    if case.facts.get("is_off"):
        done = "switched off the password of your account. To sign in again, choose a new one"
    else:
        done = "set a new password for your account. You can choose one of your own"
    return Letter(
        subject=f"Your password at {site_name()} was changed",
        preheader=NOT_EXPECTED,
        heading="Your password was changed",
        paragraphs=(f"The staff of {site_name()} {done} with the button below.",),
        button=Link("Choose a new password", page("password_reset")),
        quote=str(case.facts["reason"]),
        quoted="Why",
        policy=(NOT_EXPECTED,),
        why="You get this e-mail because this is the address of your account.",
    )
