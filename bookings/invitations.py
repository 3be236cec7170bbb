"""Inviting somebody to become an expert: by e-mail, with a private link that works once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from bookings import addresses, clocks, emails, formats, setup, tasks
from bookings.models import Expert, Invitation, InvitationState, User
from bookings.states import TransitionNotAllowed

Verb = Literal["send_again", "revoke"]
MAILED_AGAIN_AFTER = timedelta(minutes=5)
"""An address gets no second e-mail sooner than this, whoever invites it."""
SENT_AT_MOST = 10
"""One invitation is not sent more often: whoever ignored ten e-mails does not want to come."""


class Over(Exception):
    """Somebody tried to accept an invitation that cannot be accepted any more."""


# --- inviting -------------------------------------------------------------------------------------


def invite(email: str, *, name: str = "", by: User | None = None, now: datetime) -> Invitation:
    """Write the invitation and queue its e-mail. Raises TransitionNotAllowed with a sentence for
    somebody who cannot be invited."""
    email = addresses.identity(email)
    if refused := refusal_to_invite(email, now):
        raise refused
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                email=email,
                name=name,
                invited_by=by,
                created_at=now,
                sent_at=now,
                expires_at=_expires_at(now),
            )
            _mail(invitation, now=now)
    except IntegrityError:  # somebody else has just invited them
        raise _invited_already(email) from None
    return invitation


def refusal_to_invite(email: str, now: datetime) -> TransitionNotAllowed | None:
    """Why this address cannot be invited now."""
    if refused := _refusal_of_address(email):
        return refused
    of_address = Invitation.objects.to(email)
    if of_address.unanswered().exists():
        return _invited_already(email)
    latest = of_address.order_by("-sent_at").first()
    return _refusal_of_time(latest, now) if latest else None


def send_again(invitation_id: int, *, now: datetime) -> Invitation:
    """Send a new e-mail with a new link and a new expiry. The earlier links stop working."""
    with transaction.atomic():
        invitation = Invitation.objects.get(pk=invitation_id)
        if refused := refusal(invitation, "send_again", now):
            raise refused
        as_read = Invitation.objects.unanswered().filter(pk=invitation.pk, number=invitation.number)
        changes = {"sent_at": now, "expires_at": _expires_at(now)}
        if not as_read.update(number=invitation.number + 1, **changes):
            raise _changed()
        invitation.refresh_from_db()
        _mail(invitation, now=now)
    return invitation


def revoke(invitation_id: int, *, now: datetime) -> Invitation:
    """End an invitation: its link stops working, and an e-mail that still waits is not sent."""
    invitation = Invitation.objects.get(pk=invitation_id)
    if refused := refusal(invitation, "revoke", now):
        raise refused
    if not Invitation.objects.unanswered().filter(pk=invitation.pk).update(revoked_at=now):
        raise _changed()
    invitation.refresh_from_db()
    return invitation


def refusal(invitation: Invitation, verb: Verb, now: datetime) -> TransitionNotAllowed | None:
    """Why this cannot be done with the invitation now; the verbs ask, and so do the buttons."""
    state = invitation.state(now)
    if state in (InvitationState.ACCEPTED, InvitationState.REVOKED):
        word = state.label.lower()
        return TransitionNotAllowed(
            "state", f"The invitation to {invitation} has already been {word}."
        )
    if verb == "revoke":
        return None
    if invitation.number >= SENT_AT_MOST:
        return TransitionNotAllowed(
            "too_many",
            f"{invitation} has already had {SENT_AT_MOST} e-mails with this invitation. Ask them "
            "in another way whether they want to sell calls here.",
        )
    return _refusal_of_address(invitation.email) or _refusal_of_time(invitation, now)


def _refusal_of_address(email: str) -> TransitionNotAllowed | None:
    user = User.objects.filter(email=addresses.identity(email)).first()
    if user is None:
        return None
    if has_expert(user):
        return TransitionNotAllowed("expert", f"{email} is already an expert here.")
    if not user.is_active:
        return TransitionNotAllowed(
            "inactive",
            f"The account of {email} is switched off. Switch it on in the administration first.",
        )
    return None


def _refusal_of_time(latest: Invitation, now: datetime) -> TransitionNotAllowed | None:
    wait = clocks.after(latest.sent_at, MAILED_AGAIN_AFTER) - now
    if wait <= timedelta(0):
        return None
    return TransitionNotAllowed(
        "too_soon",
        f"An invitation went to {latest.email} just now. You can send another one in "
        f"{formats.left(wait)}.",
    )


def _invited_already(email: str) -> TransitionNotAllowed:
    return TransitionNotAllowed(
        "invited", f"{email} already has an invitation. Send that one again, or revoke it."
    )


def _changed() -> TransitionNotAllowed:
    return TransitionNotAllowed(
        "changed", "Somebody else has changed this invitation in the meantime."
    )


def _expires_at(now: datetime) -> datetime:
    return clocks.after(now, settings.INVITATION_WINDOW)


def _mail(invitation: Invitation, *, now: datetime) -> None:
    facts = {"invitation": invitation.pk, "number": invitation.number}
    dedupe = f"{invitation.pk}:{invitation.number}"
    tasks.wake_for(emails.queue("invitation", now=now, dedupe=dedupe, facts=facts))


def link(invitation: Invitation) -> str:
    """The link in its newest e-mail."""
    return emails.page_link("", "invitation", token=invitation.token).url


# --- accepting ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """What somebody finds who opens the link of an e-mail."""

    invitation: Invitation
    number: int
    now: datetime

    @property
    def is_superseded(self) -> bool:
        return self.number != self.invitation.number

    @property
    def state(self) -> InvitationState:
        return self.invitation.state(self.now)

    @property
    def account(self) -> User | None:
        """The account of the address that was invited, if it has one."""
        return User.objects.filter(email=self.invitation.email).first()

    def is_live(self) -> bool:
        """Whether it may be accepted. An account that is switched off cannot sign in."""
        account = self.account
        can_take = account is None or (account.is_active and not has_expert(account))
        return self.state == InvitationState.OPEN and not self.is_superseded and can_take


def open_link(token: str, *, now: datetime) -> Opened | None:
    """What a link leads to; None when it is not a link of ours. Opening one changes nothing."""
    found = Invitation.objects.of_token(token)
    return Opened(*found, now=now) if found else None


def accept(
    opened: Opened, *, name: str, password: str = "", account: User | None = None, zone: str = ""
) -> Expert:
    """Make the expert, for this account or for a new one with this password. Raises Over when
    somebody else was faster."""
    invitation, now = opened.invitation, opened.now
    open_ones = Invitation.objects.open_at(now).filter(pk=invitation.pk, number=opened.number)
    try:
        with transaction.atomic():
            if not open_ones.update(accepted_at=now):
                raise Over
            user = account or User.objects.create_user(invitation.email, password)
            expert = setup.make_expert(user, name, zone=zone)
            Invitation.objects.filter(pk=invitation.pk).update(expert=expert)
    except IntegrityError as error:  # the address has an account, or an expert, since a moment ago
        raise Over from error
    return expert


# --- without an invitation ------------------------------------------------------------------------


def add_expert(email: str, *, name: str, zone: str = "", now: datetime) -> Expert:
    """Make an account and its expert at once. An open invitation to the same address ends."""
    email = addresses.identity(email)
    if refused := _refusal_of_address(email):
        raise refused
    with transaction.atomic():
        user = User.objects.filter(email=email).first() or User.objects.create_user(email)
        expert = setup.make_expert(user, name, zone=zone)
        Invitation.objects.to(email).unanswered().update(revoked_at=now)
    return expert


def has_expert(user: User) -> bool:
    return Expert.objects.filter(user=user).exists()
