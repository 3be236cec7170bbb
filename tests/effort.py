"""How long the tests that search look: `TEST_EFFORT=10 make test` looks ten times as long."""

from __future__ import annotations

import os

EFFORT = max(1, int(os.environ.get("TEST_EFFORT", "1")))


def effort(count: int) -> int:
    """`count` examples, rounds or lines, or a multiple of it."""
    return count * EFFORT
