"""How many wrong passwords are taken, and how often a public form may be sent.

Wrong passwords are counted for fifteen minutes: by account and network together, by network, and by
account. Whoever knows an e-mail address can use up the limit of its account, from many networks,
again and again. So a device on which somebody has signed in before is known by a cookie, and only
its own wrong passwords can stop it. Choosing a new password by the link in the mail makes a device
known as well. A network is an IPv4 address, or the half of an IPv6 address that is one customer's.

A public form sends mail to strangers or keeps a time, and asks nobody who they are. So while
nothing can be counted, no form is accepted.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import Any

from axes.handlers.base import AbstractAxesHandler, AxesBaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db.models import F, Q, QuerySet, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from bookings import addresses, database_time

logger = logging.getLogger(__name__)

# --- wrong passwords ------------------------------------------------------------------------------

WINDOW = timedelta(minutes=15)
OF_BOTH, OF_NETWORK, OF_ACCOUNT, OF_DEVICE = 6, 20, 20, 6
KNOWN_FOR = 60 * 60 * 24 * 365
MOST_ACCOUNTS = 5
"""A device is known for this many accounts at most."""
_SALT = "bookings.known-device"


class Handler(AbstractAxesHandler, AxesBaseHandler):  # type: ignore[misc]
    """One row for an account, a network and a known device: how often, since when.

    A row counts for fifteen minutes after its first wrong password and begins anew then. What is
    tried while it is closed is not counted: nobody can keep it closed by going on.
    """

    def is_locked(self, request: HttpRequest, credentials: Any = None) -> bool:
        return _is_closed(request, _account(credentials))

    def get_failures(self, request: HttpRequest, credentials: Any = None) -> int:
        both = _rows().filter(username=_account(credentials), ip_address=_network(request))
        return sum(both.values_list("failures_since_start", flat=True))

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        if request is None:
            return
        request.axes_credentials = credentials
        if request.axes_locked_out:
            return
        account = _account(credentials)
        _write_down(account, _network(request), _device(request, account))
        logger.warning("a wrong password from %s", request.axes_ip_address)
        if _is_closed(request, account):
            request.axes_locked_out = True
            logger.warning(
                "signing in as %s from %s is closed for up to %d minutes",
                account, request.axes_ip_address, WINDOW.total_seconds() // 60,
            )  # fmt: skip

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Only what was counted for this account here: who has an account of their own must not
        get further tries at those of others."""
        account = _account({settings.AXES_USERNAME_FORM_FIELD: user.email})
        AccessAttempt.objects.filter(username=account, ip_address=_network(request)).delete()

    def user_logged_out(self, *args: Any, **kwargs: Any) -> None:
        pass

    post_save_access_attempt = post_delete_access_attempt = user_logged_out

    def reset_attempts(
        self,
        *,
        ip_address: str | None = None,
        username: str | None = None,
        ip_or_username: bool = False,
    ) -> int:
        rows = AccessAttempt.objects.all()
        if username:
            rows = rows.filter(username=username)
        if ip_address:
            rows = rows.filter(ip_address=ip_address)
        return int(rows.delete()[0])


def knows_device(request: HttpRequest, email: str) -> bool:
    """Whether they have signed in on this device before."""
    return _name_of(email) in _known(request)


def remember_device(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    """Remember this device as one of theirs from now on."""
    known = _known(request)
    name = _name_of(email)
    known = {name: known.get(name, secrets.token_urlsafe(12))} | known
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(dict(list(known.items())[:MOST_ACCOUNTS]), salt=_SALT),
        max_age=KNOWN_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known(request: HttpRequest) -> dict[str, str]:
    """Accounts that were signed in to here, each with the name of this device."""
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        return dict(signing.loads(cookie, salt=_SALT, max_age=KNOWN_FOR)) if cookie else {}
    except (signing.BadSignature, ValueError):
        return {}


def _name_of(email: str) -> str:
    """Stands for the address in the cookie, which must not contain it."""
    return salted_hmac(_SALT, addresses.identity(email), algorithm="sha256").hexdigest()[:20]


def _device(request: HttpRequest, account: str) -> str:
    """The name of the device; empty for an unknown one, and for one that typed wrong passwords."""
    device = _known(request).get(_name_of(account), "")
    if not device:
        return ""
    of_device = _rows().filter(username=account, user_agent=device)
    return device if _sum(of_device) < OF_DEVICE else ""


def _is_closed(request: HttpRequest, account: str) -> bool:
    if _device(request, account):
        return False
    network = _network(request)
    strangers = _rows().filter(user_agent="")
    sums = strangers.filter(Q(username=account) | Q(ip_address=network)).aggregate(
        both=Sum("failures_since_start", filter=Q(username=account, ip_address=network)),
        network=Sum("failures_since_start", filter=Q(ip_address=network)),
        account=Sum("failures_since_start", filter=Q(username=account)),
    )
    limits = {"both": OF_BOTH, "account": OF_ACCOUNT}
    if network is not None:  # else it would be everybody's
        limits["network"] = OF_NETWORK
    return any((sums[name] or 0) >= limit for name, limit in limits.items())


def _write_down(account: str, network: str | None, device: str) -> None:
    now = database_time.now()
    own = AccessAttempt.objects.filter(username=account, ip_address=network, user_agent=device)
    if own.filter(attempt_time__gt=now - WINDOW).update(
        failures_since_start=F("failures_since_start") + 1
    ):
        return
    if own.update(failures_since_start=1, attempt_time=now):
        return
    new = AccessAttempt(
        username=account, ip_address=network, user_agent=device, failures_since_start=0
    )
    AccessAttempt.objects.bulk_create([new], ignore_conflicts=True)  # two may come at once
    own.update(failures_since_start=F("failures_since_start") + 1, attempt_time=now)


def _rows() -> QuerySet[AccessAttempt]:
    found: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(
        attempt_time__gt=database_time.now() - WINDOW
    )
    return found


def _sum(rows: QuerySet[AccessAttempt]) -> int:
    return rows.aggregate(all=Sum("failures_since_start"))["all"] or 0


def _account(credentials: dict[str, Any] | None) -> str:
    typed = (credentials or {}).get(settings.AXES_USERNAME_FORM_FIELD) or ""
    return addresses.identity(str(typed))[:255]


def _network(request: Any) -> str | None:
    network: str | None = request.axes_ip_address
    return network


# --- public forms ---------------------------------------------------------------------------------


class TooOften(Exception):
    """The form was sent more often than its limit allows."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class CannotCount(Exception):
    """The cache does not answer, so nothing can be counted."""


def count(name: str, *, at_most: int, seconds: int) -> None:
    """Count one more. The first call for a name starts the `seconds` in which it is counted. Raises
    TooOften above `at_most`, and CannotCount."""
    if _counted(name, seconds) > at_most:
        raise TooOften(name)


def _counted(name: str, seconds: int) -> int:
    try:
        for _ in range(3):
            cache.add(name, 0, timeout=seconds)
            try:
                return cache.incr(name)
            except ValueError:  # its time was over between the two
                continue
    except Exception as error:
        logger.error("a form is refused: the cache does not count (%s)", error)
        raise CannotCount(name) from error
    raise CannotCount(name)
