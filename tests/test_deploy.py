"""What deploy/ holds: a backup that is restored twice, with refunds made since; and files that agree
with the code. The whole of it on a real Debian is tried by .ci/debian."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests import clock, servers
from tests.provider.running import Provider
from tests.provider.server import StandIn
from tests.restore_scene import EACH
from tests.test_restore_runbook import PART
from tests.test_security_headers import PRIVATE

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
SCRIPTS = ("install", "upgrade", "backup", "restore", "after-restore", "topmate", "common.sh")

# --- The machine's own commands, as far as a test may play them ------------------------------------

SYSTEMCTL = '#!/bin/sh\necho "$*" >> "$CALLS"\n'
ID = "#!/bin/sh\necho 0\n"
CURL = '#!/bin/sh\necho \'{"database": "ok", "sweep": "ok"}\'\n'
RUNUSER = '#!/bin/sh\nshift 3\nexec "$@"\n'
SYSTEMD_RUN = f"""#!{sys.executable}
import os, shlex, sys
words = sys.argv[sys.argv.index("/usr/bin/env") + 1:]
for line in open(os.environ["TOPMATE_CONFIG"]):
    if "=" in line and not line.startswith("#"):
        name, _, value = line.strip().partition("=")
        os.environ[name] = "".join(shlex.split(value))
while "=" in words[0]:
    name, _, value = words.pop(0).partition("=")
    os.environ[name] = value
os.chdir({str(ROOT)!r})
os.execv({sys.executable!r}, [{sys.executable!r}, *words[1:]])
"""
SLEEP = (
    f"#!{sys.executable}\n"
    "import os, sys, urllib.request as r\n"
    "told = b'{\"advance\": ' + sys.argv[1].encode() + b'}'\n"
    "r.urlopen(r.Request(os.environ['STAND_IN'] + '/_control', told)).read()\n"
)


def write_commands(folder: Path) -> None:
    folder.mkdir()
    commands = {
        "systemctl": SYSTEMCTL, "id": ID, "curl": CURL, "runuser": RUNUSER,
        "systemd-run": SYSTEMD_RUN, "sleep": SLEEP,
    }  # fmt: skip
    for name, text in commands.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, server: StandIn, db: None) -> Iterator[dict[str, str]]:
    """The environment of the scripts, on a server that has a database called topmate."""
    host = connection.settings_dict["HOST"]
    binaries = servers.find_postgres()
    assert binaries is not None
    programs = servers.reachable(binaries, None, tmp_path)
    write_commands(tmp_path / "bin")
    site = tmp_path / "site"
    site.mkdir()
    (site / "current").symlink_to(ROOT)
    config = tmp_path / "environment"
    url = f"postgres://topmate@/topmate?host={host}"
    told = {
        "DATABASE_URL": url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "k" * 60,
        "STAFF_EMAIL": "ops@example.com",
        **server.keys.settings(server.url),
    }
    config.write_text("".join(f'{name}="{value}"\n' for name, value in told.items()))
    backups = tmp_path / "backups"
    backups.mkdir()
    with psycopg.connect(host=host, user="topmate", dbname="postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE topmate")
        admin.execute("CREATE ROLE topmate_owner LOGIN SUPERUSER")
        yield {
            **clock.carried(),
            "PATH": f"{tmp_path / 'bin'}:{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "CALLS": str(tmp_path / "calls"),
            "STAND_IN": server.url,
            "PGHOST": host,
            "PGUSER": "topmate",
            "DJANGO_SETTINGS_MODULE": "topmate.settings",
            "TOPMATE_SITE": str(site),
            "TOPMATE_CONFIG": str(config),
            "TOPMATE_DATA": str(tmp_path / "data"),
            "TOPMATE_BACKUPS": str(backups),
            "TOPMATE_OWNER_URL": url.replace("topmate@", "topmate_owner@"),
            "CONFIG": str(config),
            "BACKUPS": str(backups),
            **told,
        }
        names = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'topmate%'")
        for (name,) in names.fetchall():
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute("DROP ROLE topmate_owner")


def ran(env: dict[str, str], *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.postgres
def test_a_backup_is_restored_twice_and_nothing_is_paid_twice(
    server: StandIn, machine: dict[str, str], tmp_path: Path
) -> None:
    Provider(server, "stripe").tell(reset=True)
    scene = [sys.executable, "-m", "tests.restore_scene"]
    ran(machine, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    ran(machine, *scene, "sell")
    backup = ran(machine, DEPLOY / "backup").split()[-1]
    ran(machine, *scene, "refund")
    for _ in range(2):
        out = ran(machine, DEPLOY / "restore", "--yes", backup)
        assert len(re.findall(r"₹800 of ₹2,400 went back without this site", out)) == 2 * EACH
        assert "REFUNDS_HOLD=1\n" in Path(machine["TOPMATE_CONFIG"]).read_text()
        assert f"refused: {2 * EACH}" in ran(machine, *scene, "go_on")
        books = server.books.summary().values()
        gone = [[line["amount_minor"] for line in book["refunds"]] for book in books]
        assert gone == [[PART]] * (2 * EACH), "each part once"
    calls = Path(machine["CALLS"]).read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["stop", "start"] * 2


@pytest.mark.postgres
def test_a_damaged_backup_changes_nothing(machine: dict[str, str]) -> None:
    ran(machine, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    backup = Path(ran(machine, DEPLOY / "backup").split()[-1])
    with open(backup / "database.dump", "ab") as dump:
        dump.write(b"x")
    done = subprocess.run(
        [DEPLOY / "restore", "--yes", str(backup)], env=machine, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "This backup is damaged" in done.stderr
    assert not Path(machine["CALLS"]).exists(), "the site was not even stopped"


@pytest.mark.postgres
def test_backups_are_private_and_the_oldest_go(machine: dict[str, str]) -> None:
    ran(machine, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    backups = Path(machine["BACKUPS"])
    for day in range(1, 5):
        (backups / f"2026010{day}-000000").mkdir()
    made = Path(ran(machine | {"BACKUPS_KEPT": "3"}, DEPLOY / "backup").split()[-1])
    kept = sorted(path.name for path in backups.iterdir())
    assert kept == ["20260103-000000", "20260104-000000", made.name]
    assert {path.stat().st_mode & 0o077 for path in [made, *made.iterdir()]} == {0}


# --- Files that agree with the code ----------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_read_by_its_shell(script: str) -> None:
    shell = shutil.which("bash")
    assert shell
    subprocess.run([shell, "-n", DEPLOY / script], check=True)


@pytest.mark.parametrize(
    "file", ["proxy/Caddyfile", "proxy/nginx.conf", "container/Caddyfile"], ids=str
)
@pytest.mark.parametrize("purpose", PRIVATE)
def test_the_proxies_keep_private_links_out_of_their_logs(file: str, purpose: str) -> None:
    text = (DEPLOY / file).read_text()
    masked = re.search(r"\^/\((?:\?<kind>)?([a-z|]+)\)|\(\?<kind>([a-z|]+)\)", text)
    assert masked is not None
    assert purpose.split("/")[0] in (masked[1] or masked[2]).split("|")


def test_every_variable_of_the_example_is_described() -> None:
    names = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "environment.example").read_text(), re.M)
    described = (ROOT / "docs" / "settings.md").read_text()
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in described] == []


def test_a_unit_starts_only_what_is_there() -> None:
    for unit in (DEPLOY / "systemd").glob("*.service"):
        for file in re.findall(r"/srv/topmate/current/(deploy/\S+)", unit.read_text()):
            assert os.access(ROOT / file, os.X_OK), f"{unit.name} starts {file}"
        for command in re.findall(r"manage\.py (\w+)", unit.read_text()):
            assert (ROOT / "bookings/management/commands" / f"{command}.py").exists()
