"""Where the e-mails of a test go, by the settings of whichever Django runs it."""

from __future__ import annotations

from typing import Any

from topmate.services import SMTP, Mail

__all__ = ["SMTP", "Mail", "use_mail"]


def use_mail(settings: Any, backend: str = Mail.backend, **details: Any) -> None:
    """Without a name: the demo inbox, so that what is sent can be read as StoredMessage."""
    for name, value in Mail(backend, **details).settings().items():
        setattr(settings, name, value)
