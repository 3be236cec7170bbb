"""What a run is told, and what may be killed in it."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("workers", "web", "broker", "database", "provider")
"""`workers` are those of Celery, beat, and the sweeps of the second trigger. With `web` there is
a web process, and the provider sends it webhooks; without, polls must find everything."""


@dataclass(frozen=True)
class Options:
    seed: int
    kills: int
    minutes: float = 600
    only: tuple[str, ...] = KINDS
    fresh_keys: bool = False
    hasty_keys: bool = False
    no_clock_guard: bool = False
    lazy_commits: bool = False
    sqlite: bool = False
    crash_rate: float = 0.03
    crash_at: str = ""
    fault_rate: float = 0.5
    faults: str = ""
    """Names of the only faults of the provider, with commas; all of them where it is empty."""
    pace: float = 0.02
    """How much shorter waits are than in production, and so is the time that lists are behind."""
    at_once: int = 30


def kinds_in(text: str) -> tuple[str, ...]:
    """`workers,web` as they stand in KINDS; nothing means all."""
    named = [word.strip() for word in text.split(",") if word.strip()]
    if strange := set(named) - set(KINDS):
        raise ValueError(f"not {', '.join(sorted(strange))}: choose from {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in named) or KINDS
