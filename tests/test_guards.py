"""The guards that `python -m tests.guards` takes away are still where it looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guards import ALL, Guard


@pytest.mark.parametrize("guard", ALL, ids=lambda guard: f"{guard.fault} {guard.says}"[:60])
def test_a_guard_is_found_once_and_its_test_exists(root: Path, guard: Guard) -> None:
    assert (root / guard.path).read_text().count(guard.code) == 1
    file, _, name = guard.test.partition("::")
    assert name.partition("[")[0] in (root / file).read_text()
