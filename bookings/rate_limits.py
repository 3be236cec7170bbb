"""How often a public form may be sent. It mails strangers or keeps a time, and asks nobody who they
are: so while nothing can be counted, nothing is taken."""

from __future__ import annotations

import logging

from django.core.cache import cache

logger = logging.getLogger(__name__)


class TooOften(Exception):
    """More than the limit."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class CannotCount(Exception):
    """The cache is away."""


def count(name: str, *, at_most: int, seconds: int) -> None:
    """Add one. The first one of a name starts its time."""
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
