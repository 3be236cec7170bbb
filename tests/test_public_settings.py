"""A site that others can reach starts only as one: no demo inbox, no sandbox, no poor key, no DEBUG.
Each refusal names its variable and says what to do."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.mail_settings import Mail
from topmate.env import is_loopback
from topmate.private_files import is_poor

KEY = "kq8Zt1vN4xw7Lr2Yp5Hs9Jd3Fg6Bc0Mu-wT7mQe2RbXy4UoAi1Dk8Vn5Zs"
SOUND = {
    "SITE_URL": "https://calls.example.net",
    "SECRET_KEY": KEY,
    "EMAIL_URL": "smtps://user:word@mail.example.net",
    "STRIPE_SECRET_KEY": "sk_live_x",
}
ON_THE_NETWORK = "http://192.168.1.5:8000"
Load = Callable[..., dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path, root: Path) -> Load:
    """What settings.py makes of a sound site with these changes; None takes a variable away."""

    def loaded(**changes: str | None) -> dict[str, Any]:
        env = {"DATA_DIR": str(tmp_path / "data"), **SOUND, **changes}
        clean = {name: value for name, value in env.items() if value is not None}
        with mock.patch.dict(os.environ, clean, clear=True):
            return runpy.run_path(str(root / "topmate" / "settings.py"))

    return loaded


def refusal(load: Load, **changes: str | None) -> list[str]:
    """The sentences, one for each problem."""
    with pytest.raises(ImproperlyConfigured) as raised:
        load(**changes)
    first, *sentences = str(raised.value).split("\n  - ")
    assert first == "The settings cannot be used:"
    return sentences


def test_a_sound_site_starts(load: Load) -> None:
    found = load()
    assert found["IS_PUBLIC"]
    assert not found["DEMO_INBOX"]
    assert not found["SELLS_BY_SANDBOX"]
    assert found["SESSION_COOKIE_NAME"] == "__Host-session"
    assert found["DEVICE_COOKIE_NAME"] == "__Host-device"


@pytest.mark.parametrize(
    "site",
    [
        "https://calls.example.net",
        "http://calls.example.net",
        ON_THE_NETWORK,
        "http://10.0.0.1",
        "http://[2001:db8::1]:8000",
        "http://0.0.0.0:8000",
        "https://localhost",
        "http://printer.local",
        "http://localhost.example.net",
        "http://127.0.0.1.example.net",
    ],
)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"EMAIL_URL": None}, "EMAIL_URL must be set"),
        ({"EMAIL_URL": " "}, "EMAIL_URL must be set"),
        ({"EMAIL_URL": None, "DEMO": "0"}, "EMAIL_URL must be set"),
        ({"EMAIL_URL": None, "DEMO": "1"}, "EMAIL_URL must be set"),
        ({"EMAIL_URL": "console://"}, "EMAIL_URL=console:// prints private links"),
        ({"STRIPE_SECRET_KEY": None}, "set STRIPE_SECRET_KEY, or RAZORPAY_KEY_ID"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:9000"}, "STRIPE_API_BASE must be https"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be at least 50 random characters"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY must be at least 50 random characters"),
        ({"SECRET_KEY_FALLBACKS": f"{KEY},old"}, "SECRET_KEY_FALLBACKS has a key"),
        ({"DEBUG": "1"}, "DEBUG shows secrets"),
    ],
)  # fmt: skip
def test_what_only_a_demo_may_have_is_refused(
    load: Load, site: str, changes: dict[str, str | None], says: str
) -> None:
    told = refusal(load, SITE_URL=site, **changes)
    assert [sentence for sentence in told if sentence.startswith("All this")] == told[1:]
    assert says in told[0]


@pytest.mark.parametrize(
    "site", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "http://127.8.8.8",
             "http://demo.localhost:8000"],
)  # fmt: skip
def test_on_this_machine_all_of_it_may_be_tried(load: Load, site: str) -> None:
    wanted = {"EMAIL_URL": None, "STRIPE_SECRET_KEY": None, "SECRET_KEY": "short", "DEBUG": "1"}
    found = load(SITE_URL=site, **wanted)
    assert (found["DEMO_INBOX"], found["SELLS_BY_SANDBOX"], found["DEBUG"]) == (True, True, True)


def test_all_problems_are_told_at_once_and_what_somebody_at_home_may_want(load: Load) -> None:
    nothing = dict.fromkeys(SOUND)
    told = refusal(load, **{**nothing, "HOST": "192.168.1.5"})
    assert len(told) == 3
    assert "EMAIL_URL=smtp://" in told[0]
    assert "PAYMENTS=none" in told[1]
    assert "SITE_URL (http://192.168.1.5:8000, from HOST) is not this machine" in told[2]
    assert "HOST=0.0.0.0 and ALLOWED_HOSTS" in told[2]


def test_what_it_advises_works(load: Load) -> None:
    nothing = dict.fromkeys(SOUND)
    found = load(**{**nothing, "HOST": "0.0.0.0", "ALLOWED_HOSTS": "192.168.1.5"})
    assert found["DEMO_INBOX"]
    assert found["ALLOWED_HOSTS"] == ["192.168.1.5"]


def test_a_site_in_production_must_be_given_its_key(load: Load) -> None:
    [told] = refusal(load, SECRET_KEY=None)
    assert told.startswith("SECRET_KEY must be set when SITE_URL is https; make one with")


def test_at_home_a_made_key_is_good_enough(load: Load) -> None:
    found = load(SITE_URL=ON_THE_NETWORK, SECRET_KEY=None)
    assert not is_poor(found["SECRET_KEY"])


def test_who_offers_only_free_calls_says_so(load: Load) -> None:
    found = load(STRIPE_SECRET_KEY=None, PAYMENTS="none")
    assert not found["SELLS_BY_SANDBOX"]
    assert "PAYMENTS=none and the keys" in refusal(load, PAYMENTS="none")[0]
    assert "must be one of" in refusal(load, PAYMENTS="sandbox")[0]


def test_the_demo_inbox_goes_with_the_demo(load: Load) -> None:
    here = {**dict.fromkeys(SOUND), "DEMO": "0"}
    found = load(**here)
    assert not found["DEMO_INBOX"]
    no_server = Mail("bookings.demo_inbox.NoMailServer").settings()
    assert {name: found[name] for name in no_server} == no_server
    assert "neither yes nor no" in refusal(load, **{**here, "DEMO": "maybe"})[0]


@pytest.mark.parametrize(
    "key",
    ["", "short", "x" * 80, "abc" * 30, "0123456789" * 6, "changeme" * 8, "correct horse " * 5,
     "django-insecure-" + KEY, "change-me-" + KEY, "your-secret-key-goes-here-and-is-long-enough-now",
     "ab" * 26 + "cd" * 10, KEY[:49]],
)  # fmt: skip
def test_a_key_that_can_be_guessed_is_poor(key: str) -> None:
    assert is_poor(key)


@pytest.mark.parametrize(
    "key",
    [KEY, "f3b1c9d27a4e80562c1d9e7fb04a6385f3b1c9d27a4e80562c1d9e7fb04a6381",
     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
     "u!q8&)k2#x0z^e7$w5_j3@h1*v9(c4-m6+n%b=gtyrpoiulfds",
     "83710264950172836459018273645091827364509182736450918273640519"],
)  # fmt: skip
def test_a_random_one_is_not(key: str) -> None:
    assert not is_poor(key)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "128.0.0.1",
        "::2",
        "::ffff:10.0.0.1",
        "local",
        "2130706433",
    ],
)
def test_other_hosts_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "127.0.0.1",
        "127.255.0.9",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ],
)
def test_these_are(host: str) -> None:
    assert is_loopback(host)


# --- manage.py check --deploy and the start ----------------------------------------------------


def run(root: Path, data: Path, *words: str, **changes: str | None) -> tuple[int, str]:
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), **SOUND, **changes}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


DEPLOY = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")


def test_a_sound_site_passes_the_check(root: Path, tmp_path: Path) -> None:
    code, said = run(root, tmp_path, *DEPLOY)
    assert code == 0, said


def test_the_check_and_the_start_refuse_the_same(root: Path, tmp_path: Path) -> None:
    wrong = {"EMAIL_URL": None, "STRIPE_SECRET_KEY": None, "SECRET_KEY": "short", "DEBUG": "1"}
    starts = (DEPLOY, ("-m", "topmate.embedded.prepare", str(tmp_path / "report")),
              ("-c", "import topmate.wsgi"), ("-c", "import topmate; topmate.app.conf.broker_url"))  # fmt: skip
    for start in starts:
        code, said = run(root, tmp_path, *start, **wrong)
        assert code != 0, start
        for name in wrong:
            assert name in said, (start, name)


def test_the_check_warns_of_keys_that_only_test(root: Path, tmp_path: Path) -> None:
    code, said = run(root, tmp_path, *DEPLOY, STRIPE_SECRET_KEY="sk_test_x")
    assert code != 0
    assert "STRIPE_SECRET_KEY is a test key" in said
    keys = {"RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "x"}
    code, said = run(root, tmp_path, *DEPLOY, STRIPE_SECRET_KEY=None, **keys)
    assert code != 0
    assert "RAZORPAY_KEY_ID is a test key" in said
