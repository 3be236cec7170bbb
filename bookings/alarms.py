"""Staff is told when a part that everything needs is missing, and when it is back: once each.

Two look: every web process, by itself, each half minute (`topmate/watch.py`), and every sweep when
it ends. So each of them is missed by the other. What they find is kept in a row until it is over,
and whoever changes that row first tells staff, from its own process: perhaps no worker is left.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from bookings import emails, figures, outages
from bookings.emails.letters.staff import TROUBLES, lasts
from bookings.figures import Figures
from bookings.models import Heartbeat, OutboxEmail, OutboxState, Refund, RefundState

logger = logging.getLogger(__name__)

TROUBLE = "trouble: "
PATIENCE = timedelta(seconds=25)
"""It must be found at least twice: a part that is started anew is not missing."""
FORGOTTEN_AFTER = timedelta(minutes=3)
"""Nobody has looked for so long: what was found then and not told has to be found anew."""
_BY_BOTH = ("worker", "beat", "broker", "disk", "mail", "provider")
SEEN_BY_WEB = ("sweep", *_BY_BOTH)
SEEN_BY_SWEEP = (*_BY_BOTH, "web")
HIDES = {"sweep": ("worker", "beat"), "broker": ("worker", "beat"), "worker": ("beat",)}
"""While one is missing nobody can know of the others: they are neither told nor over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """That a part is missing, for how long as far as that is known, and what was found."""

    name: str
    lasts: timedelta = timedelta(0)
    why: str = ""


def of_web(found: Figures, *, broker: str) -> list[Finding]:
    """What a web process finds missing."""
    late = [Finding("sweep", found.sweep.age)] if found.sweep.is_late and found.sweep.age else []
    return late + _common(found, broker=broker, is_sweeping=not late)


def of_sweep(found: Figures, *, broker: str) -> list[Finding]:
    """What a sweep finds missing. A site whose pages nobody has opened yet has no web process."""
    web = [Finding("web", found.web.age)] if found.web.is_late and found.web.age else []
    return web + _common(found, broker=broker, is_sweeping=True)


def _common(found: Figures, *, broker: str, is_sweeping: bool) -> list[Finding]:
    missing = []
    if broker in ("failed", "full"):
        missing.append(Finding("broker", why="It is full." if broker == "full" else ""))
    elif is_sweeping and broker == "ok":
        name, last = ("worker", found.worker) if found.worker.is_late else ("beat", found.beat)
        if last.is_late and last.age:
            missing.append(Finding(name, last.age))
    if figures.is_disk_full():
        missing.append(Finding("disk"))
    if found.is_failing(outages.MAIL):
        missing.append(Finding("mail", found.failing[outages.MAIL]))
    if names := found.failing_providers:
        longest = max(found.failing[name] for name in names)
        missing.append(Finding("provider", longest, why=", ".join(names).capitalize()))
    return missing


def sentences(found: Figures, findings: Iterable[Finding]) -> list[str]:
    """What a ping says has failed: the findings, and what only the figures show."""
    told = [
        TROUBLES[one.name].title.format(time=lasts(int(one.lasts.total_seconds())))
        + (f": {one.why}" if one.why else "")
        for one in findings
    ]
    if found.is_clock_wrong:
        told.append("A machine's clock is not the database's")
    for what, oldest in (("refund", found.refund_oldest), ("e-mail", found.email_oldest)):
        if oldest > figures.LATE_AFTER:
            told.append(f"The oldest {what} has been due for {lasts(int(oldest.total_seconds()))}")
    return told


def after_sweep(*, now: datetime) -> list[str]:
    """Judge what a sweep can see; what its ping says has failed."""
    outages.note_working(_without_anything_to_do())
    found = figures.read()
    findings = of_sweep(found, broker=figures.broker())
    judge(findings, (*SEEN_BY_SWEEP, "sweep"), now=now)
    return sentences(found, findings)


def _without_anything_to_do() -> list[str]:
    """What was refused has been settled otherwise, and nothing is left that would show whether they
    work again."""
    idle = []
    for name in figures.failing_names():
        if name == outages.MAIL:
            left = OutboxEmail.objects.filter(
                next_attempt_at__isnull=False,
                state__in=[OutboxState.QUEUED, OutboxState.SENDING],
                attempts__gt=0,
            ).exists()
        else:
            waiting = Refund.objects.needing_staff().filter(state=RefundState.UNKNOWN)
            left = waiting.filter(payment__provider=name).exists()
        if not left:
            idle.append(name)
    return idle


# --- told once ------------------------------------------------------------------------------------

_sweeps_are_late = False


def are_sweeps_late() -> bool:
    """As this process has found when it last looked. Asks nobody: pages show it."""
    return _sweeps_are_late


def judge(findings: Sequence[Finding], checked: Collection[str], *, now: datetime) -> None:
    """Tell staff of what is missing and was before, and of what was missing and is back.

    `checked` is all that could have been found.
    """
    global _sweeps_are_late
    missing = {finding.name: finding for finding in findings}
    hidden = {name for finding in findings for name in HIDES.get(finding.name, ())}
    if "sweep" in checked:
        _sweeps_are_late = "sweep" in missing
    names = [f"{TROUBLE}{name}" for name in checked]
    rows = {row.name: row for row in Heartbeat.objects.filter(name__in=names)}
    for name in checked:
        row, finding = rows.get(f"{TROUBLE}{name}"), missing.get(name)
        if finding is not None:
            _note(finding, row, now=now)
        elif row is not None and name not in hidden:
            _over(name, row, now=now)
    _deliver(now=now)


def _note(finding: Finding, row: Heartbeat | None, *, now: datetime) -> None:
    fresh = {"first": now.isoformat(), "last": now.isoformat(), "is_told": False}
    since = now - finding.lasts
    if row is None:
        defaults = {"finished_at": since, "counts": fresh}
        Heartbeat.objects.get_or_create(name=f"{TROUBLE}{finding.name}", defaults=defaults)
        return
    if row.counts.get("is_told"):
        return
    this = Heartbeat.objects.filter(pk=row.pk)
    if now - datetime.fromisoformat(row.counts["last"]) > FORGOTTEN_AFTER:
        this.update(finished_at=since, counts=fresh)
    elif now - datetime.fromisoformat(row.counts["first"]) < _patience(finding.name):
        this.update(counts={**row.counts, "last": now.isoformat()})
    else:
        _tell(finding, row, now=now)


def _patience(name: str) -> timedelta:
    """A broker or a worker that is back has nothing of beat's yet: it may come a period later."""
    return PATIENCE + (settings.SWEEP_EVERY if name == "beat" else timedelta(0))


def _tell(finding: Finding, row: Heartbeat, *, now: datetime) -> None:
    with transaction.atomic():
        locked = Heartbeat.objects.select_for_update().filter(pk=row.pk).first()
        if locked is None or locked.counts.get("is_told"):
            return
        told = {**locked.counts, "is_told": True}
        Heartbeat.objects.filter(pk=row.pk).update(counts=told)
        facts = facts_of(finding.name, now - locked.finished_at, finding.why)
        _queue("staff_trouble", facts, dedupe=f"{finding.name} {told['first']}", now=now)
    logger.error("staff is told: %s", TROUBLES[finding.name].title.format(time="some time"))


def _over(name: str, row: Heartbeat, *, now: datetime) -> None:
    with transaction.atomic():
        if Heartbeat.objects.filter(pk=row.pk).delete()[0] and row.counts.get("is_told"):
            facts = facts_of(name, now - row.finished_at)
            dedupe = f"{name} {row.counts['first']}"
            _queue("staff_trouble_over", facts, dedupe=dedupe, now=now)


def facts_of(name: str, lasted: timedelta, why: str = "") -> dict[str, Any]:
    return {"name": name, "seconds": int(lasted.total_seconds()), "why": why}


def is_told(name: str) -> bool:
    """Whether staff waits for the e-mail that says that it is back."""
    row = Heartbeat.objects.filter(name=f"{TROUBLE}{name}").first()
    return row is not None and bool(row.counts.get("is_told"))


_undelivered: set[int] = set()
"""E-mails that this process has queued. A mail server that is back is tried from here, too."""


def _queue(kind: str, facts: dict[str, Any], *, dedupe: str, now: datetime) -> None:
    row = emails.queue(kind, now=now, dedupe=dedupe, facts=facts)
    _undelivered.add(row.pk)


def tell_over(name: str, lasted: timedelta, *, now: datetime) -> None:
    """That it is back, where no row says that it was away."""
    _queue("staff_trouble_over", facts_of(name, lasted), dedupe=f"{name} {now}", now=now)
    _deliver(now=now)


def _deliver(*, now: datetime) -> None:
    if _undelivered:
        emails.deliver_all(sorted(_undelivered), now=now)
        waits = OutboxEmail.objects.filter(pk__in=_undelivered, next_attempt_at__isnull=False)
        _undelivered.intersection_update(waits.ids())
