"""What a run has shown, in lines; and whether it is clean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from bookings import clock_check, database_time
from bookings.models import OutboxEmail, ProviderEvent, Refund
from tests.chaos.arming import lines
from tests.chaos.comparing import compare, find_early, find_forgotten
from tests.chaos.customers import Customers
from tests.chaos.killing import Reaper

MOST_NAMED = 20


def report(
    folder: Path, reaper: Reaper, customers: Customers, minutes: float, say: Callable[[str], None]
) -> bool:
    books = customers.provider.ask("/_books")["payments"]
    events = customers.provider.ask("/_events")["events"]
    found = compare(books)
    found.early = find_early(books, customers.due, now=database_time.read())
    found.forgotten = find_forgotten(customers.promised, events)
    crashes = Counter(lines(folder / "crashes"))
    say(
        f"kills: {reaper.count() + crashes.total()}: {dict(reaper.kills)}, at points {dict(crashes)}"
    )
    _say_of_programs(folder, reaper, customers, say)
    _say_of_webhooks(events, say)
    mails = Counter(OutboxEmail.objects.values_list("state", flat=True))
    states = Counter(Refund.objects.values_list("state", flat=True))
    say(f"payments: {found.payments}, refunds: {found.refunds} {dict(states)}, {minutes:.1f} min")
    say(f"e-mails: {dict(mails)}; verbs answered to customers: {len(customers.promised)} bookings")
    say(f"staff looked at {customers.asked} refunds; {_wrong_clocks()}")
    for name in ("doubled", "early", "lost", "mismatched", "forgotten"):
        offenders: list[str] = getattr(found, name)
        say(f"{name}: {len(offenders)}")
        for line in offenders[:MOST_NAMED]:
            say(f"    {line}")
    silent = _silent(folder, reaper)
    for name in silent:
        say(f"{name} is up and does nothing")
    return _is_verified(say) and found.is_clean and not silent


def _say_of_programs(
    folder: Path, reaper: Reaper, customers: Customers, say: Callable[[str], None]
) -> None:
    say(f"faults of the provider: {dict(Counter(lines(folder / 'faults')))}")
    fell = {one.name: one.fell for one in reaper.programs if one.fell}
    say(f"ended by themselves: {fell}; customers turned away: {dict(customers.turned_away)}")
    tasks = {name: _tasks(folder, name) for name in ("tasks-before", "tasks")}
    say(f"broker: {reaper.kills['broker']} kills, {reaper.wiped} of them with all its messages")
    say(f"tasks done: {tasks['tasks-before']}, while it healed: {tasks['tasks']}")
    log = folder / "pg" / "database.log"
    if log.exists():
        text = log.read_text(errors="replace")
        recoveries = text.count("automatic recovery in progress")
        say(f"database: {recoveries} recoveries, {text.count('connection authorized')} connections")


def _wrong_clocks() -> str:
    mails = OutboxEmail.objects.filter(kind=clock_check.ALARM).count()
    return f"{mails} e-mails to staff about a wrong clock"


def _tasks(folder: Path, name: str) -> dict[str, int]:
    return dict(Counter(lines(folder / name)))


def _say_of_webhooks(events: list[dict[str, Any]], say: Callable[[str], None]) -> None:
    if not any(event["tries"] for event in events):
        return
    worked_on = ProviderEvent.objects.exclude(processed_at=None).count()
    say(
        f"webhooks: {len(events)} events, {sum(event['is_lost'] for event in events)} never sent, "
        f"{sum(event['tries'] for event in events)} deliveries, "
        f"{sum(event['delivered'] for event in events)} taken; "
        f"{ProviderEvent.objects.count()} in the inbox, {worked_on} worked on"
    )


def _silent(folder: Path, reaper: Reaper) -> list[str]:
    """Workers that have done nothing since the last kill, though the sweeps go on."""
    done = _tasks(folder, "tasks")
    workers = [one.name for one in reaper.programs if one.name.startswith("worker")]
    return [name for name in workers if name not in done]


def _is_verified(say: Callable[[str], None]) -> bool:
    out = StringIO()
    try:
        call_command("verify", stdout=out)
    except CommandError as error:
        say(f"{out.getvalue()}{error}".strip())
        return False
    say(out.getvalue().strip())
    return True
