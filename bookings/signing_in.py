"""The way from a right password to a session, and being asked again before something that matters.

    begin       after the password: straight in, or on to the page that asks for a code
    waiting     who is on that page; nobody is signed in meanwhile, so no other page knows them
    complete    signs in, and tells them by e-mail when it is on a new device
    confirmed   a decorator: whoever is signed in shows again that it is them

What was typed into a form stands in the page that asks, and is sent on with the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.crypto import constant_time_compare

from bookings import database_time, devices, emails, rate_limits, second_factor, sign_ins, tasks
from bookings.models import User
from bookings.signed_in import Backend
from topmate.proxies import client_ip, client_network

BACKEND = "bookings.signed_in.Backend"
WAITING = "waiting_for_a_code"
LASTS = timedelta(minutes=15)
"""From the password to the code, or to the end of setting it up."""
CODES_OF_NETWORK, QUARTER = 60, 15 * 60
NEVER_ASKED_AGAIN = ("csrf", "password")
"""What is typed into such fields is not put into a page."""
SECRET, THEN = "confirm_secret", "confirm_then"


# --- signing in -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """Has given the right password."""

    user: User
    to: str
    """Where they want to go."""
    is_new: bool
    """The account was made a moment ago."""


def begin(request: HttpRequest, user: User, *, to: str, is_new: bool = False) -> HttpResponse:
    is_on = second_factor.is_on(user)
    if not is_on and not second_factor.is_required_of(user):
        return complete(request, user, to=to, is_new=is_new)
    auth.logout(request)  # also gives the session a new key
    request.session[WAITING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": int(database_time.now().timestamp()),
        "to": to,
        "is_new": is_new,
    }
    return redirect("sign_in_code" if is_on else "sign_in_set_up")


def waiting(request: HttpRequest) -> Waiting | None:
    """None as soon as the time is up, the password has changed or the account is closed."""
    kept = request.session.get(WAITING)
    if kept is None:
        return None
    began = datetime.fromtimestamp(kept["at"], UTC)
    user = Backend().get_user(kept["user"])
    if user is None or database_time.now() - began > LASTS:
        return None
    if not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return Waiting(user, kept["to"], kept["is_new"])


def complete(
    request: HttpRequest,
    user: User,
    *,
    to: str,
    is_new: bool = False,
    has_passed: bool = False,
) -> HttpResponse:
    sign_in(request, user, is_new=is_new, has_passed=has_passed)
    response = redirect(to)
    rate_limits.remember_device(request, response, user.email)
    return response


def sign_in(
    request: HttpRequest, user: User, *, is_new: bool = False, has_passed: bool = False
) -> None:
    is_known = rate_limits.knows_device(request, user.email)
    auth.login(request, user, backend=BACKEND)
    request.session.pop(WAITING, None)
    request.session[sign_ins.HAS_PASSED] = has_passed
    if not is_known and not is_new:
        _tell(request, user)


def _tell(request: HttpRequest, user: User) -> None:
    now = database_time.now()
    facts = {
        "user": user.pk,
        "to": user.email,
        "at": now.isoformat(),
        "device": devices.in_words(request.headers.get("User-Agent", "")),
        "address": client_ip(request),
    }
    dedupe = f"{user.pk}:{now.isoformat()}"
    tasks.wake_for(emails.queue("new_sign_in", now=now, dedupe=dedupe, facts=facts))


def keep_this_session(request: HttpRequest, *, has_passed: bool | None = None) -> None:
    """All sessions of this person end, because their password or second factor has changed; this
    one goes on, under a new key."""
    user = cast(User, request.user)
    auth.update_session_auth_hash(request, user)
    if has_passed is not None:
        request.session[sign_ins.HAS_PASSED] = has_passed
    sign_ins.confirm(request.session, now=database_time.now())
    sign_ins.end_others(user, here=request.session.session_key or "")


def is_right_code(request: HttpRequest, user: User, typed: str) -> bool:
    """Whether the code works. Of one network so many are looked at in a quarter of an hour; while
    nothing can be counted, the limit of each account holds alone."""
    network = client_network(request)
    try:
        if network is not None:
            name = f"codes-from:{network}"
            rate_limits.count(name, at_most=CODES_OF_NETWORK, seconds=QUARTER)
    except rate_limits.TooOften:
        return False
    except rate_limits.CannotCount:
        pass
    return second_factor.accepts(user, typed, now=database_time.now())


# --- asking again ---------------------------------------------------------------------------------


def confirmed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For a view of somebody who is signed in: its POST acts only within ten minutes after they
    have shown that it is them."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = ask_again(request, back="security") if request.method == "POST" else None
        return asked or view(request, *args, **kwargs)

    return wrapped


def ask_again(request: HttpRequest, *, back: str) -> HttpResponse | None:
    """A page that asks who it is, which sends everything to the same address once more; None where
    nothing has to be asked, or what was asked has just been answered. `back` leads away from it."""
    now = database_time.now()
    typed = request.POST.get(SECRET)
    if typed is None and sign_ins.is_confirmed(request.session, now=now):
        return None
    user = cast(User, request.user)
    by_code = second_factor.is_on(user)
    if typed is None:
        return _page(request, back, by_code=by_code)
    is_right = (is_right_code if by_code else is_password)(request, user, typed)
    if not is_right:
        return _page(request, back, by_code=by_code, is_wrong=True)
    request.session.cycle_key()
    sign_ins.confirm(request.session, now=now)
    return redirect(request.get_full_path()) if request.POST.get(THEN) == "open" else None


def is_password(request: HttpRequest, user: User, typed: str) -> bool:
    """Counted like the passwords of the sign-in page."""
    return auth.authenticate(request, username=user.email, password=typed) == user


def _page(
    request: HttpRequest, back: str, *, by_code: bool, is_wrong: bool = False
) -> HttpResponse:
    sent = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in (SECRET, THEN) and not any(part in name for part in NEVER_ASKED_AGAIN)
        for value in values
    ]
    was_opened = request.method != "POST" or request.POST.get(THEN) == "open"
    context = {
        "sent": sent,
        "then": "open" if was_opened else "",
        "by_code": by_code,
        "is_wrong": is_wrong,
        "minutes": int(sign_ins.CONFIRMED_FOR.total_seconds() // 60),
        "address": request.get_full_path(),
        "back": resolve_url(back),
    }
    return render(request, "accounts/confirm.html", context, status=422 if is_wrong else 403)
