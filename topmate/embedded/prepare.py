"""Before the processes start: tables, static files, demo data; a report for the banner."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command, get_commands
from django.db import Error
from django.urls import NoReverseMatch, reverse

from topmate.services import database_name


def main(report: Path) -> None:
    try:
        django.setup()
        _ = settings.SECRET_KEY
        prepare()
    except ImproperlyConfigured as error:
        sys.exit(f"Topmate: {error}")
    except Error as error:
        name = database_name(settings.DATABASES["default"])
        sys.exit(f"Topmate: the database {name} cannot be used: {error}")
    report.write_text(json.dumps(describe()))


def prepare() -> None:
    print("Topmate: preparing the database", flush=True)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    look_at_the_clock()
    if wants_demo():
        print("Topmate: adding the demo (DEMO=0 leaves it out)", flush=True)
        call_command("seed_demo")


def look_at_the_clock() -> None:
    """SQLite has none of its own: what the machine's says now is what later ones are held to."""
    from bookings import database_time

    if database_time.compare().agrees:
        database_time.remember()
    else:
        print(
            "Topmate: this machine's clock was set since the site last ran, or is wrong. Nothing "
            "that is due is done until that is settled: see `manage.py clock`.",
            flush=True,
        )


def wants_demo() -> bool:
    """Never into a database that somebody uses, nor where the mails would really be sent."""
    wish = os.environ.get("DEMO", "")
    if wish or "seed_demo" not in get_commands():
        return wish not in ("", "0", "no", "off", "false")
    if not settings.DEMO_INBOX:
        return False
    from django.contrib.auth import get_user_model

    return not os.environ.get("DATABASE_URL") or not get_user_model().objects.exists()


def describe() -> dict[str, Any]:
    from bookings import setup

    try:
        sign_ins = list(importlib.import_module("bookings.demo").SIGN_INS)
    except (ImportError, AttributeError):
        sign_ins = []
    has_demo = _has_demo(sign_ins)
    setup.remember_owner()
    try:
        inbox = settings.SITE_URL + reverse("demo_inbox") if has_demo else ""
    except NoReverseMatch:
        inbox = ""
    return {
        "site": settings.SITE_URL,
        "name": settings.SITE_NAME,
        "database": database_name(settings.DATABASES["default"]),
        "inbox": inbox,
        "has_demo": has_demo,
        "setup": "" if setup.has_owner() else setup.link(),
        "mails_wait": not has_demo and not os.environ.get("EMAIL_URL", "").strip(),
        "sign_ins": sign_ins if has_demo else [],
        "variables": settings.VARIABLES_ASKED,
        "sweep": settings.SWEEP_EVERY.total_seconds(),
    }


def _has_demo(sign_ins: list[Any]) -> bool:
    """Whether somebody can sign in as one of its people."""
    if not settings.DEMO_INBOX or settings.IS_PUBLIC:
        return False
    from django.contrib.auth import get_user_model

    emails = [sign_in[0] for sign_in in sign_ins]
    return get_user_model().objects.filter(email__in=emails).exists()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")
    main(Path(sys.argv[1]))
