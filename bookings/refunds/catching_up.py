"""After a restore: what providers have refunded since some moment, whatever our rows say.

Our own rows name the payments that something happened to as far as this database knows. What
happened since the backup was made only the providers know, so they are asked for all refunds of
that time, whichever payment they are of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bookings import formats
from bookings.fan_out import Clock
from bookings.gateways import MadeRefund, gateway_of
from bookings.models import Heartbeat, Payment, Provider
from bookings.refunds.reconciling import reconcile, touched_since

Say = Callable[[str], None]
SPAN = timedelta(hours=6)
"""What one question to a provider covers. The answer may have many pages."""
AHEAD = timedelta(days=1)
"""A provider's clock may be ahead of ours."""
RUN = "reconcile"
SAID_EVERY = 100
NAMED = 20


@dataclass
class Run:
    """One comparison of all that was touched since; it can be gone on with."""

    since: datetime
    began: datetime
    say: Say
    ends: float = float("inf")
    """A moment of `time.monotonic`."""
    compared: int = 0
    changed: int = 0
    failed: int = 0
    strangers: dict[str, MadeRefund] = field(default_factory=dict)
    """Refunds of payments that this database does not know."""
    is_stopped: bool = False


def unfinished() -> Heartbeat | None:
    return Heartbeat.objects.filter(name=RUN, counts__is_done=False).first()


def begin(since: datetime, *, now: datetime, say: Say, resume: bool, seconds: float) -> Run:
    """The one that was not finished, or a new one."""
    before = unfinished() if resume else None
    run = Run(since, now, say, time.monotonic() + seconds)
    if before is not None:
        run.since = datetime.fromisoformat(before.counts["since"])
        run.began = datetime.fromisoformat(before.counts["began"])
    _note(run, is_done=False)
    return run


def catch_up(run: Run, *, now: datetime) -> None:
    """Compare every payment that we or a provider touched since; each once in a run."""
    clock = Clock(now)
    ours = touched_since(run.since)
    run.say(f"{_counted(len(ours), 'payment')} touched since {_at(run.since)} by our own rows.")
    _compare(run, ours, clock)
    for provider in Provider:
        if gateway_of(provider) is not None and not run.is_stopped:
            _ask(run, provider, clock)
    if not run.failed and not run.is_stopped:
        _note(run, is_done=True)


def _ask(run: Run, provider: Provider, clock: Clock) -> None:
    """For all refunds that this provider has made since."""
    since, ends_at = run.since, clock.now + AHEAD
    while since < ends_at and not run.is_stopped:
        until = min(since + SPAN, ends_at)
        try:
            pages = _pages(provider, since, until)
            for made in pages:
                known = _payments_of(provider, made, run)
                run.say(
                    f"{provider.label}, {_at(since)} to {_at(until)}: "
                    f"{_counted(len(made), 'refund')} listed, of {_counted(len(known), 'payment')} "
                    "here."
                )
                _compare(run, known, clock)
        except Exception as error:  # the other provider is asked all the same
            run.failed += 1
            run.say(
                f"{provider.label} could not be asked for its refunds since {_at(since)}: {error}"
            )
            return
        since = until


def _pages(provider: str, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
    gateway = gateway_of(provider)
    assert gateway is not None
    return (page for page in gateway.refunds_made(since, until) if page)


def _payments_of(provider: str, made: list[MadeRefund], run: Run) -> list[int]:
    refs = {ref for one in made for ref in one.payment_refs}
    found = Payment.objects.filter(provider=provider, provider_ref__in=refs)
    known = dict(found.values_list("provider_ref", "pk"))
    for one in made:
        if not known.keys() & set(one.payment_refs):
            run.strangers[one.provider_refund_id] = one
    return sorted(set(known.values()))


def _compare(run: Run, payment_ids: list[int], clock: Clock) -> None:
    """Those that this run has not compared yet."""
    done = Payment.objects.filter(reconciled_at__gte=run.began)
    for n, pk in enumerate(payment_ids, 1):
        if time.monotonic() > run.ends:
            run.is_stopped = True
            return
        if done.filter(pk=pk).exists():
            continue
        before = _gone(pk)
        changed, failed = reconcile([pk], now=clock.now)
        run.compared, run.changed, run.failed = (
            run.compared + 1 - failed, run.changed + changed, run.failed + failed,
        )  # fmt: skip
        if (gone := _gone(pk)) != before:
            _say_what_is_gone(run, pk, gone)
        if n % SAID_EVERY == 0:
            run.say(f"… {n} of {len(payment_ids)} payments compared.")


def _gone(pk: int) -> int:
    return Payment.objects.values_list("returned_external_minor", flat=True).get(pk=pk)


def _say_what_is_gone(run: Run, pk: int, gone: int) -> None:
    payment = Payment.objects.select_related("booking").get(pk=pk)
    paid = formats.money(payment.captured_minor, payment.currency)
    back = formats.money(gone, payment.currency)
    run.say(f"{payment.booking.code}: {back} of {paid} went back without this site knowing of it.")


def _note(run: Run, *, is_done: bool) -> None:
    counts = {"since": run.since.isoformat(), "began": run.began.isoformat(), "is_done": is_done}
    beat = {"finished_at": run.began, "counts": counts}
    Heartbeat.objects.update_or_create(name=RUN, defaults=beat)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def last_sweep_known() -> datetime | None:
    """How old a restored database is at least: its last sweep."""
    return Heartbeat.objects.filter(name="sweep").values_list("finished_at", flat=True).first()
