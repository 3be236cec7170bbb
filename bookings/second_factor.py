"""The second factor of signing in: a code of six digits from an authenticator app, or a recovery
code. Who must have one, how it is set up and checked, and how it is taken away.

A code works once. That holds also for two that come at the same time: the row of the app is locked
while a code is compared, and a recovery code is used up by one conditional update.
"""

from __future__ import annotations

import re
from base64 import b32encode
from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django_otp.oath import TOTP
from django_otp.util import random_hex

from bookings import emails, rules, sign_ins, tasks
from bookings.models import AuthenticatorApp, OutboxEmail, RecoveryCode, User
from bookings.states import Actor, TransitionNotAllowed

RECOVERY_CODES = 10
TELL_AFTER = 5
"""So many wrong codes in a row, each after the right password: its owner is told."""
OF_AN_APP = re.compile(r"[0-9]{6}")


def is_required_of(user: User) -> bool:
    if settings.SECOND_FACTOR == "everyone":
        return True
    return settings.SECOND_FACTOR == "staff" and settings.IS_PUBLIC and user.is_staff


def is_on(user: User) -> bool:
    """Whether they are asked for a code when they sign in."""
    return settings.SECOND_FACTOR != "off" and bool(_apps(user).exists())


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


# --- setting it up --------------------------------------------------------------------------------


def new_key() -> str:
    """160 random bits, as RFC 4226 wants them."""
    return str(random_hex(20))


def address_of(user: User, key: str) -> str:
    """What the picture says that an app reads."""
    return str(AuthenticatorApp(user=user, key=key).config_url)


def spelled(key: str) -> str:
    """The key as it is typed into an app."""
    text = b32encode(bytes.fromhex(key)).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def set_up(
    user: User, key: str, code: str, *, now: datetime, replaces: bool = False
) -> list[str] | None:
    """The recovery codes, which are shown once. None when the code is not of this key, or when an
    app was set up meanwhile by somebody who did not mean to replace it. Sessions end; that of
    whoever asks can be kept."""
    step = _step_of(key, code, now=now)
    if step is None:
        return None
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        if not replaces and _apps(user).exists():
            return None
        _apps(user).delete()
        AuthenticatorApp.objects.create(user=user, name="app", key=key, last_t=step)
        codes = _write_codes(user, now=now)
        sign_ins.make_invalid(user)
        mail = _tell("second_factor_set_up", user, now=now, is_new=not replaces)
    tasks.wake_for(mail)
    return codes


def is_of_key(key: str, code: str, *, now: datetime) -> bool:
    """Whether an app that was given the key shows this code now."""
    return _step_of(key, code, now=now) is not None


def _step_of(key: str, code: str, *, now: datetime) -> int | None:
    totp = TOTP(bytes.fromhex(key))
    totp.time = now.timestamp()
    typed = as_typed(code)
    if not OF_AN_APP.fullmatch(typed) or not totp.verify(int(typed), tolerance=1):
        return None
    return int(totp.t())


def replace_recovery_codes(user: User, *, now: datetime) -> list[str]:
    with transaction.atomic():
        codes = _write_codes(user, now=now)
        sign_ins.make_invalid(user)
        mail = _tell("recovery_codes_replaced", user, now=now)
    tasks.wake_for(mail)
    return codes


def _write_codes(user: User, *, now: datetime) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [RecoveryCode.new() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=RecoveryCode.digest_of(code), created_at=now)
        for code in codes
    )
    return codes


# --- taking it away -------------------------------------------------------------------------------


def remove(user: User, *, now: datetime) -> None:
    """They do it themselves, and may keep the session in which they do."""
    with transaction.atomic():
        _delete(user)
        sign_ins.make_invalid(user)
        mail = _tell("second_factor_removed", user, now=now)
    tasks.wake_for(mail)


def refusal(user: User, by: User) -> TransitionNotAllowed | None:
    """Why a member of staff may not do it for them. Otherwise one that has a password of somebody
    with more rights could sign in as them."""
    if user.pk == by.pk:
        return TransitionNotAllowed("own", "Your own is on the page “Sign-in and security”.")
    if (user.is_staff or user.is_superuser) and not by.is_superuser:
        return TransitionNotAllowed("rights", "Only an owner of the site may do this for staff.")
    if not _apps(user).exists():
        return TransitionNotAllowed("state", f"{user} has no two-step sign-in.")
    return None


def remove_for(user_id: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """Somebody has lost their app and their recovery codes, and staff knows that it is them."""
    rules.check_staff(actor, reason)
    user, by = User.objects.get(pk=user_id), User.objects.get(pk=actor.user_id or 0)
    if refused := refusal(user, by):
        raise refused
    _remove_for(user, now=now, reason=reason, by="staff")


def remove_on_the_command_line(user: User, *, now: datetime) -> bool:
    """For an owner with nobody else to ask. False when there was none."""
    if not _apps(user).exists():
        return False
    _remove_for(user, now=now, by="owner")
    return True


def _remove_for(user: User, *, now: datetime, by: str, reason: str = "") -> None:
    with transaction.atomic():
        _delete(user)
        sign_ins.end_all(user)
        mail = _tell("second_factor_removed", user, now=now, reason=reason, by=by)
    tasks.wake_for(mail)


def _delete(user: User) -> None:
    _apps(user).delete()
    RecoveryCode.objects.filter(user=user).delete()


# --- checking a code ------------------------------------------------------------------------------


def as_typed(text: str) -> str:
    return "".join(text.split())


def accepts(user: User, typed: str, *, now: datetime) -> bool:
    """Whether this is a code that works now. It does not work again."""
    code = as_typed(typed)
    if OF_AN_APP.fullmatch(code):
        return _is_of_app(user, code, now=now)
    return _is_recovery_code(user, code, now=now)


def _is_of_app(user: User, code: str, *, now: datetime) -> bool:
    mail = None
    with transaction.atomic():
        app = _apps(user).select_for_update().first()
        if app is None:
            return False
        before = app.throttling_failure_count
        is_right: bool = app.verify_token(code)
        if before < app.throttling_failure_count == TELL_AFTER:
            mail = _tell("wrong_codes", user, now=now)
    if mail is not None:
        tasks.wake_for(mail)
    return is_right


def _is_recovery_code(user: User, code: str, *, now: datetime) -> bool:
    with transaction.atomic():
        found = RecoveryCode.objects.filter(
            user=user, digest=RecoveryCode.digest_of(code), used_at=None
        )
        if not found.update(used_at=now):
            return False
        mail = _tell("recovery_code_used", user, now=now, left=codes_left(user))
    tasks.wake_for(mail)
    return True


def _apps(user: User) -> models.QuerySet[AuthenticatorApp]:
    found: models.QuerySet[AuthenticatorApp] = AuthenticatorApp.objects.filter(
        user=user, confirmed=True
    )
    return found


def _tell(kind: str, user: User, *, now: datetime, **facts: object) -> OutboxEmail:
    known = {"user": user.pk, "to": user.email, "at": now.isoformat(), **facts}
    return emails.queue(kind, now=now, dedupe=f"{user.pk}:{now.isoformat()}", facts=known)
