"""The commands that the scripts and units of deploy/ call."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from bookings.models import Refund
from bookings.states import State
from tests.builders import NOW, make_in_state
from tests.mail_settings import use_mail


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.fixture
def told(settings: Any, tmp_path: Path) -> Any:
    use_mail(settings, "django.core.mail.backends.locmem.EmailBackend")
    settings.STAFF_EMAIL = ["ops@example.com"]
    settings.DATA_DIR = tmp_path
    return settings


def test_staff_is_told_of_a_part_once_an_hour_and_without_a_database(told: Any) -> None:
    run("tell_staff", "topmate-verify.service")
    run("tell_staff", "topmate-verify.service")
    run("tell_staff", "topmate-backup.service")
    assert [message.subject for message in mail.outbox] == [
        "Topmate: topmate-verify.service failed",
        "Topmate: topmate-backup.service failed",
    ]
    assert mail.outbox[0].to == ["ops@example.com"]
    assert "journalctl --unit topmate-verify.service" in mail.outbox[0].body


def test_a_site_without_staff_says_so(told: Any) -> None:
    told.STAFF_EMAIL = []
    with pytest.raises(CommandError, match="STAFF_EMAIL is not set"):
        run("tell_staff", "topmate-web.service")


@pytest.mark.django_db
def test_held_refunds_are_listed_with_their_reasons() -> None:
    assert run("held_refunds") == "No refund is held.\n"
    booking = make_in_state(State.REFUNDED, now=NOW)
    Refund.objects.filter(booking=booking).update(hold_reason="restored from a backup")
    out = run("held_refunds")
    assert f"{booking.code}  ₹2,400  restored from a backup" in out
    assert "Held: 1." in out
