"""Several processes at the same work, begun at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from benchmarks.databases import ROOT


@dataclass(frozen=True, slots=True)
class Race:
    taken: list[int]
    """rows each of them has moved"""
    seconds: float

    @property
    def per_second(self) -> float:
        return sum(self.taken) / self.seconds


def race(
    processes: int,
    work: Literal["deadlines", "refunds"],
    *,
    ids: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Race:
    """All take `work` at once; `ids` are the refunds. Starting them does not count."""
    command = [sys.executable, "-m", "benchmarks.sweeper"]
    env = os.environ | dict(environment or {})
    racing = [
        subprocess.Popen(
            command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    for process in racing:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    told = {"work": work, "now": timezone.now().isoformat(), "ids": list(ids)}
    began = time.perf_counter()
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in racing]
    return Race([int(answer) for answer in answers], time.perf_counter() - began)
