"""`{% url %}` and `{% static %}` whose argument is a plain name, looked up once per process.

They stand some forty times in the frame of a page, and cost as much as the rows of a list.
"""

from __future__ import annotations

from functools import cache

from django import template
from django.template.base import FilterExpression, Node, Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode, url
from django.templatetags.static import StaticNode, static
from django.urls import get_script_prefix, reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


class FixedURL(Node):
    def __init__(self, name: str) -> None:
        self.name = name

    def render(self, context: Context) -> SafeString:
        return _address(self.name, get_script_prefix())


class FixedStatic(Node):
    def __init__(self, path: str) -> None:
        self.path = path

    def render(self, context: Context) -> SafeString:
        return _file(self.path)


@register.tag("url")
def fixed_url(parser: Parser, token: Token) -> Node:
    node: URLNode = url(parser, token)
    name = _plain(node.view_name)
    is_fixed = name and ":" not in name and not node.args and not node.kwargs and not node.asvar
    return FixedURL(name) if is_fixed else node


@register.tag("static")
def fixed_static(parser: Parser, token: Token) -> Node:
    node = StaticNode.handle_token(parser, token)
    path = _plain(node.path)
    return FixedStatic(path) if path and not node.varname else node


def _plain(expression: FilterExpression) -> str:
    """The text of an expression that is nothing but a text."""
    is_plain = isinstance(expression.var, str) and not expression.filters
    return str(expression.var) if is_plain else ""


@cache
def _address(name: str, prefix: str) -> SafeString:
    return mark_safe(escape(reverse(name)))


@cache
def _file(path: str) -> SafeString:
    return mark_safe(escape(static(path)))
