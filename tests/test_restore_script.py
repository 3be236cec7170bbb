"""deploy/after-restore, run by a shell against a restored database of SQLite."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests import clock
from tests.provider.running import Provider
from tests.provider.server import StandIn
from tests.restore_scene import EACH
from tests.test_restore_runbook import PART

ROOT = Path(__file__).resolve().parent.parent
MANAGE = f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/manage.py" "$@"\n'
SLEEP = (
    f"#!{sys.executable}\n"
    "import os, sys, urllib.request as r\n"
    "told = b'{\"advance\": ' + sys.argv[1].encode() + b'}'\n"
    "r.urlopen(r.Request(os.environ['STRIPE_API_BASE'] + '/_control', told)).read()\n"
)
"""Ten minutes pass at the provider; nobody waits for them here."""


def environment(server: StandIn, folder: Path) -> dict[str, str]:
    tools = folder / "bin"
    tools.mkdir()
    for name, text in (("manage.py", MANAGE), ("sleep", SLEEP)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return {
        **clock.carried(),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "topmate.settings",
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": f"sqlite:////{str(folder / 'site.sqlite3').lstrip('/')}",
        **server.keys.settings(server.url),
        "STAFF_EMAIL": "ops@example.com",
    }


def copied(source: Path, to: Path) -> None:
    """As a backup is made while the site runs."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(to)) as written:
        read.backup(written)


def ran(env: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_day_old_backup_is_restored_and_nothing_is_paid_twice(
    server: StandIn, tmp_path: Path, root: Path
) -> None:
    Provider(server, "stripe").tell(reset=True)
    env = environment(server, tmp_path)
    site, backup = tmp_path / "site.sqlite3", tmp_path / "backup.sqlite3"
    scene = [sys.executable, "-m", "tests.restore_scene"]
    ran(env, "manage.py", "migrate", "--verbosity", "0")
    ran(env, *scene, "sell")
    copied(site, backup)
    ran(env, *scene, "refund")
    for lost in tmp_path.glob("site.sqlite3*"):
        lost.unlink()
    shutil.copy(backup, site)

    out = ran(env, "bash", "-eu", str(root / "deploy" / "after-restore"))

    assert len(re.findall(r"₹800 of ₹2,400 went back without this site", out)) == 2 * EACH
    assert f"refused: {2 * EACH}" in ran(env, *scene, "go_on")
    books = server.books.summary().values()
    gone = [[line["amount_minor"] for line in book["refunds"]] for book in books]
    assert gone == [[PART]] * (2 * EACH), "each part once"
