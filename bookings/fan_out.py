"""Calls over a network side by side, in threads; everything else in the calling thread.

The database is touched by the calling thread alone: a thread of ours would open a connection of
its own. What the calls need from it is done for all that have come so far, at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)

NEAR = 200
"""Of so many ids the first free ones are taken: others may be working on the same."""
GATHER_SECONDS = 0.04
BUDGET_SECONDS = 30.0
"""While the other side is silent, each call takes as long as its time-out: a task must end before
its limit, and the next one goes on."""
Job = TypeVar("Job")
Result = TypeVar("Result")


class Jobs(Protocol[Job]):
    """What happens to the jobs of one kind; see `work` for the order."""

    def claim(self, at_most: int) -> list[Job]:
        """New jobs, ready for their call; none when there are no more."""
        ...

    def is_remote(self, job: Job) -> bool:
        """Whether its call goes over the network, and may be made in a thread."""
        ...

    def call(self, job: Job) -> None:
        """The call itself; keeps its result on the job, and raises nothing."""
        ...

    def go_on(self, jobs: list[Job]) -> list[Job]:
        """Those of the jobs whose call has ended that need another one."""
        ...

    def finish(self, jobs: list[Job]) -> None:
        """The others. When the time is over, also jobs whose (next) call was not begun."""
        ...


def work(jobs_of: Jobs[Job], *, at_most: int, claimed: int, seconds: float | None = None) -> None:
    """Work until nothing is left, with `at_most` calls at a time.

    Up to `claimed` jobs are claimed, so that the calls need not wait for the database, and ended
    ones are gathered. After `seconds`, which are BUDGET_SECONDS by default, no call is begun;
    those under way are waited for. So a lease that outlasts them and a call never ends while its
    job waits here.
    """
    ends = time.monotonic() + (BUDGET_SECONDS if seconds is None else seconds)
    calls: dict[Future[None], Job] = {}
    broken: list[Job] = []

    def call(job: Job) -> None:
        try:
            if time.monotonic() < ends:
                jobs_of.call(job)
        except Exception:  # against the contract: it must not be called for ever
            logger.exception("the call of %s failed", job)
            broken.append(job)

    def here(job: Job) -> Future[None]:
        call(job)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    with ThreadPoolExecutor(at_most, thread_name_prefix="call") as pool:

        def start(jobs: list[Job]) -> None:
            for job in jobs:
                calls[pool.submit(call, job) if jobs_of.is_remote(job) else here(job)] = job

        start(jobs_of.claim(at_most))
        is_more = True
        while calls:
            is_low = is_more and len(calls) <= at_most  # no thread may wait for the next claim
            ended = [calls.pop(done) for done in _ended(calls, 0.0 if is_low else GATHER_SECONDS)]
            again: list[Job] = []
            if time.monotonic() < ends:  # before the writing, so that they run meanwhile
                again = jobs_of.go_on([job for job in ended if job not in broken])
                start(again)
                if is_more and len(calls) <= max(at_most, claimed // 2):
                    start(new := jobs_of.claim(claimed - len(calls)))
                    is_more = bool(new)
            jobs_of.finish([job for job in ended if job not in again])


def _ended(calls: Iterable[Future[None]], gather: float) -> Set[Future[None]]:
    """At least one; and all that end within a moment, as one statement may serve them all."""
    return wait(calls, timeout=gather).done or wait(calls, return_when=FIRST_COMPLETED).done


def together(
    act: Callable[[Sequence[Job]], Sequence[Result]],
    jobs: Sequence[Job],
    *,
    failed: Callable[[Job, Exception], None] | None = None,
) -> list[Result]:
    """Do it for all at once; if that fails, for each alone: one that is poisoned stops nobody.
    `failed` hears of each that is."""
    try:
        return list(act(jobs)) if jobs else []
    except Exception as error:
        if len(jobs) == 1:
            logger.exception("%s failed; the next sweep tries again", jobs[0])
            if failed:
                failed(jobs[0], error)
            return []
        logger.warning("%s at once failed (%s), now one by one", len(jobs), error)
    return [result for job in jobs for result in together(act, [job], failed=failed)]


class Row(Protocol):
    @property
    def pk(self) -> int: ...


Taken = TypeVar("Taken", bound=Row)


class Take(Protocol[Taken]):
    """Up to `at_most` of these rows that are free; fewer when there are no more of them."""

    def __call__(self, ids: Sequence[int], *, at_most: int) -> list[Taken]: ...


class Queue(Generic[Taken]):
    """Ids of rows that wait. Each is looked at once, whoever gets it."""

    def __init__(self, ids: Iterable[int], take: Take[Taken]) -> None:
        self._ids, self._take = list(dict.fromkeys(ids)), take

    def __bool__(self) -> bool:
        return bool(self._ids)

    def take(self, at_most: int) -> list[Taken]:
        near = self._ids[:NEAR]
        try:
            rows = self._take(near, at_most=at_most)
            passed = set(near if len(rows) < at_most else [row.pk for row in rows])
        except Exception:  # one of them cannot be taken
            passed = set(near[:at_most])
            rows = together(partial(self._take, at_most=at_most), near[:at_most])
        self._ids = [pk for pk in self._ids if pk not in passed]
        return rows


class Clock:
    """`now`, and the whole seconds that have passed since it was set."""

    def __init__(self, now: datetime) -> None:
        self._began, self._started = now, time.monotonic()

    @property
    def now(self) -> datetime:
        return self._began + timedelta(seconds=int(time.monotonic() - self._started))
