"""Logging: readable or JSON lines, and never a private link or an e-mail address in either. A log
cannot be searched for a person when their data is erased."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

_SLASH = r"(?:/|%(?:25)*2f)+"
"""A slash, also as it is written in a parameter such as ?next=."""
_PRIVATE = re.compile(
    rf"({_SLASH}(?:pick|report|contest|status|checkout|setup|invitation|link{_SLASH}[a-z_-]+"
    rf"|password{_SLASH}[a-z0-9_-]+){_SLASH})[a-z0-9_\-=.:%~]+",
    re.IGNORECASE,
)
_BY_THEIR_LOOK = re.compile(r"[A-Za-z0-9_-]{32}\.[A-Za-z0-9_-]{43}|\b[a-z0-9]{6,7}-[0-9a-f]{32}\b")
"""The key of a private link and that of a link for a new password, wherever they stand."""


_ADDRESS = re.compile(
    r"(?:[^\s\"'<>(),;:=/?&\\@\[\]{}%]|%(?!40)[0-9a-f]{2})+(?:@|%40)"
    r"(?:[^\W_][\w.-]*[^\W_]|%(?!40)[0-9a-f]{2})+(?=\W|$)",
    re.IGNORECASE,
)
_ROW = re.compile(r"(Failing row contains|Key \(.{1,200}?\)=) ?\(.*\)")
"""What PostgreSQL adds to a refusal: the values of the row."""


def mask(text: str) -> str:
    return _ADDRESS.sub("***@***", _ROW.sub(r"\1 (***)", mask_links(text)))


def mask_links(text: str) -> str:
    """Whoever reads a log must not be able to act for a follower."""
    return _BY_THEIR_LOOK.sub("***", _PRIVATE.sub(r"\1***", text))


def without_traceback(record: logging.LogRecord) -> bool:
    """For a handler: what a visitor sent is refused, or the database is away, and where in Django
    that came up is of no interest. So a traceback in the log is always a fault of ours."""
    if record.name.startswith("django.") and getattr(record, "status_code", 500) != 500:
        record.exc_info = record.exc_text = None
    return True


class MaskedFormatter(logging.Formatter):
    """Masks the finished line, so that arguments and tracebacks are covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return mask(json.dumps(line, ensure_ascii=False, default=str))


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, which the process manager keeps."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": MaskedFormatter,
                "format": "{asctime} {levelname} {name}: {message}",
                "style": "{",
            },
            "json": {"()": JsonFormatter},
        },
        "filters": {"refused": {"()": lambda: without_traceback}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["refused"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write each error twice, and mail it with the address.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
        },
    }
