"""The hash locks are installed as they are, without a resolver, so each must name everything."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def locked(lock: Path) -> dict[str, str]:
    """Name and version of each package that this platform gets."""
    found = {}
    for line in lock.read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                (pin,) = requirement.specifier
                found[canonicalize_name(requirement.name)] = pin.version
    return found


def needed(wanted: Iterable[Requirement], seen: set[tuple[str, str]]) -> Iterator[Requirement]:
    """These requirements and theirs, extras included."""
    for one in wanted:
        yield one
        for extra in ("", *one.extras):
            key = (canonicalize_name(one.name), extra)
            if key not in seen:
                seen.add(key)
                theirs = map(Requirement, distribution(one.name).requires or [])
                yield from needed(
                    (r for r in theirs if r.marker is None or r.marker.evaluate({"extra": extra})),
                    seen,
                )


@pytest.mark.parametrize("lock", ["requirements.txt", "tests/requirements.txt"])
def test_a_lock_names_every_package_in_a_version_that_fits(root: Path, lock: str) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    listed = list(project["project"]["dependencies"])
    if lock.startswith("tests"):
        listed += project["dependency-groups"]["dev"]
    here = [r for r in map(Requirement, listed) if r.marker is None or r.marker.evaluate()]
    pins = locked(root / lock)

    unfit = [
        str(wanted)
        for wanted in needed(here, set())
        if not wanted.specifier.contains(pins.get(canonicalize_name(wanted.name), ""), True)
    ]

    assert len(pins) > 20
    assert unfit == []


def test_both_locks_agree(root: Path) -> None:
    runtime = locked(root / "requirements.txt")
    assert runtime.items() <= locked(root / "tests/requirements.txt").items()
