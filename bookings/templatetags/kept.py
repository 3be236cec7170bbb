"""`{% kept %}…{% endkept %}`: a part of a page that is the same for everybody, rendered once.

`{% kept demo_inbox %}` once for each value of the variables it names, which are all it can see: a
name or a token of somebody never gets into what others are shown. For addresses and files, which
cost more to look up than the rows of a list to fill in.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString

register = template.Library()


class Kept(Node):
    child_nodelists = ("nodelist",)

    def __init__(self, nodelist: NodeList, names: list[str]) -> None:
        self.nodelist, self.names = nodelist, names
        self._found: dict[tuple[Any, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        seen = {name: context.get(name) for name in self.names}
        key = (get_script_prefix(), *seen.values())
        found = self._found.get(key)
        if found is None or settings.DEBUG:
            found = self._found[key] = self.nodelist.render(context.new(seen))
        return found


@register.tag("kept")
def kept(parser: Parser, token: Token) -> Kept:
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(nodelist, token.split_contents()[1:])
