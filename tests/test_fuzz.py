"""A few of the requests of `python -m tests.fuzz`, on a site of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker  # once is enough: it starts servers of its own
SEED, REQUESTS = 7, 600


def test_whatever_is_asked_the_site_answers(root: Path) -> None:
    command = ["-m", "tests.fuzz", "--requests", str(REQUESTS), "--seed", str(SEED)]
    run = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, timeout=600
    )
    told = run.stdout[-3000:] + run.stderr[-3000:]
    assert run.returncode == 0, told
    asked = re.search(r"^(\d+) requests in", run.stdout, re.MULTILINE)
    assert asked is not None, told
    assert int(asked[1]) >= REQUESTS, told
    assert re.search(r"^answers .*\b200: \d", run.stdout, re.MULTILINE), (
        "only refusals prove little"
    )
