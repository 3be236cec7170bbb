"""`python -m tests.run --clock …`: which moment is meant, and that nothing runs under another."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import clock

MORNING = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("+45 days 23:50", datetime(2027, 1, 14, 23, 50, tzinfo=UTC)),
        ("+1 day 00:10", datetime(2026, 12, 1, 0, 10, tzinfo=UTC)),
        ("2028-02-29 00:10", datetime(2028, 2, 29, 0, 10, tzinfo=UTC)),
        ("23:50", datetime(2026, 11, 30, 23, 50, tzinfo=UTC)),
        ("05:50", datetime(2026, 12, 1, 5, 50, tzinfo=UTC)),
    ],
)
def test_the_words_name_a_moment(words: str, wanted: datetime) -> None:
    assert clock.moment(words, MORNING) == wanted


@pytest.mark.parametrize(
    "words", ["", "tomorrow", "+45 days", "2027-02-29 00:10", "24:10", "+99999999 days 00:10"]
)
def test_words_that_name_no_moment_are_refused(words: str) -> None:
    with pytest.raises(clock.Unusable, match="--clock"):
        clock.moment(words, MORNING)


def test_tests_refuse_to_run_under_another_clock_than_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    for asked, is_shown in (
        (now, True),
        (now - timedelta(days=1), False),
        (now + timedelta(hours=1), False),
    ):
        monkeypatch.setenv(clock.VARIABLE, asked.isoformat())
        if is_shown:
            assert clock.check() == f"{asked:%Y-%m-%d %H:%M} UTC"
        else:
            with pytest.raises(clock.Unusable, match="The clock shows"):
                clock.check()


def test_waiting_works_where_the_clock_is_shifted(root: Path) -> None:
    """As in every process under `--clock`: this folder comes first on the path."""
    ask = "import time; print(type(time.sleep).__name__); time.sleep(0.01); time.sleep(-1)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={"PYTHONPATH": str(root / "tests" / "shifted")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "Sleep\n"
    assert "ValueError: sleep length must be non-negative" in done.stderr
