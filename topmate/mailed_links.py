"""Links out of e-mails open, whatever a mail program took for a part of them.

A bracket, a full stop or a blank behind a link ends up in the address, and so does half of a tag.
No page of ours has such signs in its path. What is left is read as strictly as ever: a private
link is still signed to its last letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_script_prefix, resolve

_AS_WE_WRITE_IT = re.compile(
    r"/(?:[\w.~:@+-]*[a-zA-Z0-9][_-]*/)*(?:[\w.~-]*[a-zA-Z0-9])?", re.ASCII
)
_MEANT = re.compile(r"[\w./~:@+-]*[a-zA-Z0-9][_-]*", re.ASCII)
"""Up to the last letter before such a sign; hyphens can belong to a token, full stops cannot."""


class MailedLinkMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _AS_WE_WRITE_IT.fullmatch(request.path_info) and (path := meant(request.path_info)):
            request.path_info = path
            request.path = get_script_prefix().rstrip("/") + path
        return self.get_response(request)


def meant(path: str) -> str:
    """The page in front of the first sign that is in no path; empty where there is none."""
    match = _MEANT.match(path)
    if match is None:
        return "" if re.search("[a-zA-Z0-9]", path) else "/"
    start = match[0]
    return next(filter(_is_page, (f"{start}/", start, start.rstrip("_-"))), "")


def _is_page(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
