"""The web server's own log lines, without private links: it names the address of a request that it
refuses, of one that fails, and in its access log, where somebody turns that on, of every one."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from topmate.logs import mask


class MaskedLogger(Logger):  # type: ignore[misc]
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(_Masking(handler.formatter or logging.Formatter()))


class _Masking(logging.Formatter):
    """What another formatter makes of a record, masked."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return mask(self.inner.format(record))
