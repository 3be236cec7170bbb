"""Settings: nothing is needed to start, and nonsense is refused in sentences."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from topmate import services
from topmate.env import Env, parse_duration


@pytest.fixture
def load_settings(tmp_path: Path, root: Path) -> Callable[..., dict[str, Any]]:
    """What settings.py makes of exactly this environment."""

    def load(**env: str) -> dict[str, Any]:
        with mock.patch.dict(os.environ, {"DATA_DIR": str(tmp_path / "data"), **env}, clear=True):
            return runpy.run_path(str(root / "topmate" / "settings.py"))

    return load


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("72h", timedelta(hours=72)),
        ("14d", timedelta(days=14)),
        ("1h30m", timedelta(minutes=90)),
        ("0.5h", timedelta(minutes=30)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "72", "h", "-72h", "72 hours", "1e9h", "99999d", "5w", "9999999999999d", "7２h x"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


Load = Callable[..., dict[str, Any]]


def test_starts_without_any_environment_and_keeps_its_key(load_settings: Load) -> None:
    found = load_settings()
    assert (found["SITE_URL"], found["IS_HTTPS"]) == ("http://127.0.0.1:8000", False)
    key = found["DATA_DIR"] / "secret_key"
    assert key.read_text() == found["SECRET_KEY"]
    assert len(found["SECRET_KEY"]) > 50
    assert key.stat().st_mode & 0o777 == 0o600
    assert load_settings()["SECRET_KEY"] == found["SECRET_KEY"]


def test_all_mistakes_are_named_at_once(load_settings: Load) -> None:
    wrong = {
        "PORT": "99999",
        "DEBUG": "maybe",
        "POLICY_NO_SHOW_WINDOW": "soon",
        "POLICY_GRACE": "20m",
        "POLICY_MIN_OFFER_SLOTS": "0",
        "REDIS_URL": "localhost:6379",
        "ALLOWED_HOSTS": "*",
        "STAFF_EMAIL": "nobody",
    }
    with pytest.raises(ImproperlyConfigured) as refusal:
        load_settings(**wrong)
    assert [name for name in wrong if name not in str(refusal.value)] == []


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"SITE_URL": "ftp://calls.example"}, "SITE_URL is not a usable URL"),
        ({"SITE_URL": "http://calls.example/path"}, "SITE_URL must be"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL is not a usable URL"),
        ({"DATABASE_URL": "postgres://host:notaport/x"}, "DATABASE_URL is not a usable URL"),
        ({"EMAIL_URL": "anymail://carrierpigeon"}, "not a known provider"),
        ({"SITE_NAME": "Two\nlines"}, "SITE_NAME must be one line"),
    ],
)
def test_a_dangerous_or_senseless_value_is_refused(
    load_settings: Load, env: dict[str, str], word: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=word):
        load_settings(**env)


def test_a_refused_url_does_not_print_its_password(load_settings: Load) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        load_settings(DATABASE_URL="mysql://me:hunter2@host/x")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "broker", "cache"),
    [
        ("redis://host", "redis://host/0", "redis://host/1"),
        ("rediss://u:p@host:6380/4", "rediss://u:p@host:6380/4", "rediss://u:p@host:6380/5"),
        (
            "unix:///run/r.sock",
            "redis+socket:///run/r.sock?virtual_host=0",
            "unix:///run/r.sock?db=1",
        ),
        (
            "redis+socket:///run/r.sock?virtual_host=2",
            "redis+socket:///run/r.sock?virtual_host=2",
            "unix:///run/r.sock?db=3",
        ),
    ],
)
def test_one_redis_url_gives_broker_and_cache(url: str, broker: str, cache: str) -> None:
    found = services.redis(Env({"REDIS_URL": url}))
    assert (found.broker_url, found.cache_url) == (broker, cache)


def test_sqlite_and_postgres_urls() -> None:
    sqlite = services.database(Env({"DATABASE_URL": "sqlite:////srv/my%20site.db"}), Path("/x"))
    assert str(sqlite["NAME"]) == "/srv/my site.db"
    default = services.database(Env({}), Path("/srv/data"))
    assert str(default["NAME"]) == "/srv/data/topmate.sqlite3"
    url = "postgres://me:p%40ss@/site?host=/run/postgresql&sslmode=require"
    postgres = services.database(Env({"DATABASE_URL": url}), Path("/x"))
    assert (postgres["NAME"], postgres["PASSWORD"], postgres["HOST"]) == (
        "site",
        "p@ss",
        "/run/postgresql",
    )
    assert postgres["OPTIONS"]["sslmode"] == "require"
    assert "lock_timeout=3000" in postgres["OPTIONS"]["options"]


def mail_of(**environment: str) -> services.Mail:
    return services.mail(Env(environment), is_public=False)


def test_mail_urls() -> None:
    smtp = mail_of(EMAIL_URL="smtp://me:p%40ss@mail.example/?tls=1")
    assert (smtp.host, smtp.port, smtp.password, smtp.use_tls) == (
        "mail.example",
        587,
        "p@ss",
        True,
    )
    postmark = mail_of(EMAIL_URL="anymail://postmark?server_token=abc")
    assert postmark.backend == "anymail.backends.postmark.EmailBackend"
    assert postmark.anymail["POSTMARK_SERVER_TOKEN"] == "abc"
    assert mail_of().demo_inbox


CONNECT = """
import django
django.setup()
from bookings.emails.mailing import Connections
[connection] = Connections()._idle
names = ("host", "port", "username", "password", "use_tls", "use_ssl", "timeout")
print(type(connection).__module__, [getattr(connection, name, None) for name in names])
"""


@pytest.mark.parametrize(
    ("url", "module", "options"),
    [
        ("", "bookings.demo_inbox", [None] * 7),
        ("console://", "django.core.mail.backends.console", [None] * 7),
        (
            "smtp://me:p%40ss@mail.example/?tls=1",
            "django.core.mail.backends.smtp",
            ["mail.example", 587, "me", "p@ss", True, False, 20],
        ),
        (
            "smtps://mail.example",
            "django.core.mail.backends.smtp",
            ["mail.example", 465, "", "", False, True, 20],
        ),
        ("anymail://resend?api_key=k", "anymail.backends.resend", [None] * 6 + [(3, 20)]),
    ],
)
def test_mail_leaves_as_its_url_says_and_no_setting_is_an_old_one(
    root: Path, tmp_path: Path, url: str, module: str, options: list[Any]
) -> None:
    """With every warning of something that is going to be taken away as an error."""
    strict = ["-W", "error::DeprecationWarning", "-W", "error::PendingDeprecationWarning"]
    env = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "topmate.settings"}
    said = subprocess.run(
        [sys.executable, *strict, "-c", CONNECT],
        cwd=root,
        env=env | ({"EMAIL_URL": url} if url else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stderr, said.stdout) == ("", f"{module} {options}\n")


def test_problems_are_raised_together() -> None:
    env = Env({"A": "x", "B": "y"})
    env.number("A", 1, low=0, high=2)
    env.flag("B")
    with pytest.raises(ImproperlyConfigured, match=r"(?s)A=.*B="):
        env.finish()
