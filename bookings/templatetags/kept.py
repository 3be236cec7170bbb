"""`{% kept %}…{% endkept %}`: a part of a page that is the same for everybody, rendered once.

It sees no variable of the page: a name or a token of somebody never gets into what others are
shown. For addresses and files, which cost more to look up than the rows of a list to fill in.
"""

from __future__ import annotations

from django import template
from django.conf import settings
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString

register = template.Library()


class Kept(Node):
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
