"""What templates ask for: the frame of an expert's page, pictures, parts that are kept, and what
has become of a form or can be taken back."""

from __future__ import annotations

import json
import secrets
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.middleware.csrf import get_token
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from bookings import alarms, database_time, lists, unsent
from bookings.access import expert_of
from bookings.presenters import shell
from bookings.presenters.dialogs import Undo

register = template.Library()
_UNSAFE_IN_SCRIPTS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@register.simple_tag
def icon(name: str, *, small: bool = False) -> SafeString:
    """`{% icon "clock" %}`: a picture from `static/icons.svg`, in the colour and size of its text.
    It is for the eye alone: whoever listens to a page is told by the words beside it."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        "icon icon--s" if small else "icon",
        static("icons.svg"),
        name,
    )


@register.filter
def linked_data(facts: dict[str, Any]) -> SafeString:
    """Facts about the page for search engines, as JSON. Browsers run nothing of it."""
    text = json.dumps(facts, ensure_ascii=False).translate(_UNSAFE_IN_SCRIPTS)
    return mark_safe(f'<script type="application/ld+json">{text}</script>')


@register.filter
def as_undo(extra_tags: str) -> Undo | None:
    """What a message's extra tag says."""
    return Undo.read(extra_tags or "")


@register.simple_tag(takes_context=True)
def unsent_is_kept(context: dict[str, Any]) -> bool:
    """Whether somebody who signs in again finds the form that was not taken."""
    request = context.get("request")
    return request is not None and unsent.is_kept(request)


# --- parts that are the same for everybody --------------------------------------------------------


class Kept(Node):
    """`{% kept %}…{% endkept %}` is rendered once. It sees no variable of the page: a name or a
    token of somebody never gets into what others are shown. For addresses and files, which cost
    more to look up than the rows of a list to fill in."""

    child_nodelists = ("nodelist",)

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self._found: dict[str, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        prefix = get_script_prefix()
        found = self._found.get(prefix)
        if found is None or settings.DEBUG:
            found = self._found[prefix] = self.nodelist.render(context.new())
        return found


@register.tag("kept")
def kept(parser: Parser, token: Token) -> Kept:
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(nodelist)


# --- the frame of an expert's page: count badge, name, zone ---------------------------------------

TOKEN, ADDRESS = (secrets.token_hex(16) for _ in range(2))
"""They stand in a kept frame for what is another one in each request."""


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> shell.Navigation | None:
    """None for a visitor who is no expert, and on error pages, where there is no request."""
    request = context.get("request")
    expert = expert_of(request) if request is not None and hasattr(request, "user") else None
    if request is None or expert is None:
        return None
    if "nav" in context:
        return context["nav"]  # type: ignore[no-any-return]
    match = request.resolver_match
    section = context.get("section") or (match.url_name if match else "")
    count = context.get("need_count")
    if count is None:
        count = lists.need_count(expert)
    return shell.navigation(
        expert,
        section=section,
        count=count,
        now=database_time.now(),
        source=context.get("source", ""),
    )


@register.simple_tag(takes_context=True)
def frame(
    context: dict[str, Any], nav: shell.Navigation, *, has_own_bar: object = False
) -> SafeString:
    """The bars around an expert's page, `_frame.html`. A page with a bar of its own hides the
    lower one. Rendered once for all pages that differ in nothing but token and address."""
    request = context["request"]
    if settings.DEBUG:
        _kept_frame.cache_clear()  # the template is being worked on
    kept = _kept_frame(
        nav=nav,
        email=request.user.email,
        is_staff=request.user.is_staff,
        is_owner=request.user.is_superuser,
        has_own_bar=bool(has_own_bar),
        are_sweeps_late=alarms.are_sweeps_late(),
        theme=context["theme"],
        site_name=context["site_name"],
        demo_inbox=context["demo_inbox"],
    )
    html = kept.replace(TOKEN, get_token(request))
    return SafeString(html.replace(ADDRESS, escape(request.get_full_path())))


@lru_cache(maxsize=1000)
def _kept_frame(**shown: object) -> str:
    return render_to_string("_frame.html", {**shown, "csrf_token": TOKEN, "address": ADDRESS})
