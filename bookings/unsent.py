"""What somebody typed into a form that was not taken, because their session had ended meanwhile.

Their browser keeps it, signed, until they have signed in again and the form is shown once more.
Nothing is stored here for people who are not signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict

COOKIE = "unsent"
KEPT_FOR = timedelta(minutes=30)
AT_MOST = 3500
"""Characters of a cookie. What is longer is lost, and the person is told so."""
NEVER_KEPT = ("csrf", "password", "request_key")

NOT_DONE = "You were signed out, so nothing was done."
KEPT = "You were signed out, so this was not sent. What you typed is still here: send it again."
LOST = "You were signed out, so nothing was sent or saved. What you typed is lost."


@dataclass
class Unsent:
    fields: MultiValueDict[str, str]
    is_lost: bool
    """It was too long to be kept."""
    is_shown: bool = False

    @property
    def has_words(self) -> bool:
        """Something was filled in besides what the page itself had put there."""
        names = [name for name in self.fields if name not in ("from", "call", "next")]
        return self.is_lost or any(any(self.fields.getlist(name)) for name in names)

    def initial(self) -> dict[str, str]:
        return {name: str(self.fields[name]) for name in self.fields}


def keep(request: HttpRequest, response: HttpResponse, *, path: str) -> None:
    """Until the page at `path` is opened, which shows the form again."""
    sent = {
        name: values
        for name, values in request.POST.lists()
        if not any(part in name for part in NEVER_KEPT)
    }
    value = signing.dumps({"path": path, "fields": sent}, salt=COOKIE, compress=True)
    if len(value) > AT_MOST:
        value = signing.dumps({"path": path, "fields": {}, "is_lost": True}, salt=COOKIE)
    response.set_cookie(
        COOKIE,
        value,
        max_age=KEPT_FOR,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def read(request: HttpRequest) -> Unsent | None:
    """What waits for the page that is asked for."""
    kept = _kept(request)
    if kept is None or kept["path"] != request.path or request.method != "GET":
        return None
    return Unsent(MultiValueDict(kept["fields"]), is_lost=kept.get("is_lost", False))


def is_kept(request: HttpRequest) -> bool:
    """Whether signing in leads back to what was typed."""
    kept = _kept(request)
    return kept is not None and not kept.get("is_lost", False)


def show(request: HttpRequest) -> dict[str, str]:
    """The values for the form, and a word about where they come from; nothing on other days."""
    unsent: Unsent | None = getattr(request, "unsent", None)
    if unsent is None:
        return {}
    unsent.is_shown = True
    tell(request, unsent, is_there=not unsent.is_lost)
    return unsent.initial()


def tell(request: HttpRequest, unsent: Unsent, *, is_there: bool) -> None:
    sentence = (KEPT if is_there else LOST) if unsent.has_words else NOT_DONE
    messages.warning(request, sentence)


def forget(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def _kept(request: HttpRequest) -> dict[str, Any] | None:
    value = request.COOKIES.get(COOKIE, "")
    try:
        found = signing.loads(value, salt=COOKIE, max_age=KEPT_FOR) if value else None
    except signing.BadSignature:
        return None
    return found if isinstance(found, dict) else None
