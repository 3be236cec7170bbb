"""Variables of the machine that mean something else do not lead the site astray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests import clock

ROOT = Path(__file__).resolve().parent.parent


def settings_with(tmp_path: Path, name: str, **env: str) -> str:
    """The value of a setting in a process of its own."""
    code = (
        f"import django; django.setup(); from django.conf import settings; print(settings.{name})"
    )
    plain = {**clock.carried(), "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=plain | {"DJANGO_SETTINGS_MODULE": "topmate.settings"} | env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("host", ["::1", "0:0:0:0:0:0:0:1"])
def test_an_address_of_ipv6_stands_in_brackets(host: str, tmp_path: Path) -> None:
    assert settings_with(tmp_path, "SITE_URL", HOST=host) == f"http://[{host}]:8000"
    assert f"'[{host}]'" in settings_with(tmp_path, "ALLOWED_HOSTS", HOST=host)


@pytest.mark.parametrize("host", ["x86_64-conda-linux-gnu", "aarch64-conda-linux-gnu", "no such"])
def test_a_host_that_is_none_is_named_by_its_variable(host: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "topmate.embedded"],
        cwd=ROOT,
        env={
            **clock.carried(),
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "HOST": host,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"HOST={host}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_BROKER_READ_URL"])
def test_a_broker_of_another_program_is_not_ours(name: str, tmp_path: Path) -> None:
    code = (
        "from topmate import app; print(app.connection_for_read().as_uri());"
        "print(app.connection_for_write().as_uri())"
    )
    env = {
        **clock.carried(),
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        name: "amqp://other.example//",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "other.example" not in done.stdout


def test_pip_is_not_led_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from topmate.embedded import install

    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.example/simple")
    env = install.plain_pip()
    assert not {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"} & set(env)
    assert env["PIP_INDEX_URL"] == "http://index.example/simple"


@pytest.mark.parametrize("host", ["192.168.1.5:8000", "calls.example", "[fe80::1]"])
def test_a_name_the_site_does_not_have_is_told_how_to_get_it(host: str) -> None:
    answer = Client(HTTP_HOST=host).get("/sign-in/")
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in answer.content.decode()
    assert host.split(":")[0] not in answer.content.decode().replace("192.168.1.5</code>", "")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_the_address_of_a_webhook_is_taken_without_its_last_slash(name: str, settings: Any) -> None:
    with_slash = Client().post(f"/webhooks/{name}/", b"{}", content_type="application/json")
    without = Client().post(f"/webhooks/{name}", b"{}", content_type="application/json")
    assert without.status_code == with_slash.status_code != 404
