"""Logging: readable or JSON lines, and never a private link in either."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

_PRIVATE = re.compile(
    r"/(pick|report|contest|status|checkout|link/[a-z_-]+|password/[A-Za-z0-9_-]+)/[A-Za-z0-9_\-=.:%~]+"
)


def mask_links(text: str) -> str:
    """Whoever reads a log must not be able to act for a follower."""
    return _PRIVATE.sub(r"/\1/***", text)


class MaskedFormatter(logging.Formatter):
    """Masks the finished line, so that arguments and tracebacks are covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_links(super().format(record))


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
        return mask_links(json.dumps(line, ensure_ascii=False, default=str))


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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
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
