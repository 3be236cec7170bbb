"""manage.py reconcile --since 7d: compare our refunds with the providers' books, now.

It is for the time after a restore. Our own rows name the payments that something happened to as far
as this database knows. What happened since the backup was made only the providers know, so they are
asked for all refunds of that time, whichever payment they are of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F, Q

from bookings import database_time, formats, refunds
from bookings.fan_out import Clock
from bookings.gateways import Gateway, MadeRefund, gateway_of
from bookings.models import Heartbeat, Payment, Provider
from topmate.env import parse_duration

MARGIN = timedelta(hours=1)
SPAN = timedelta(hours=6)
"""What one question to a provider covers. The answer may have many pages."""
AHEAD = timedelta(days=1)
"""A provider's clock may be ahead of ours."""
RUN = "reconcile"
SAID_EVERY = 100
NAMED = 20


class Command(BaseCommand):
    help = (
        "Asks the providers what was refunded in a time, whatever our rows say, and compares the "
        "payments of it. Exit status 1 when some could not be compared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="7d", help="like 36h or 7d; default 7d")
        parser.add_argument(
            "--resume", action="store_true", help="go on with the run that was not finished"
        )
        parser.add_argument("--minutes", type=float, default=0, help="stop after so many")

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_time.now()
        try:
            since = now - parse_duration(options["since"])
        except ValueError as error:
            raise CommandError(f"--since: {error}.") from error
        before = unfinished()
        if before and not options["resume"]:
            self._say(
                "An earlier run was not finished (--resume goes on with it); this one is new."
            )
        ends = time.monotonic() + (60 * options["minutes"] or float("inf"))
        run = Run(self._far_enough(since), now, self._say, ends)
        if before and options["resume"]:
            run.since = datetime.fromisoformat(before.counts["since"])
            run.began = datetime.fromisoformat(before.counts["began"])
        run.catch_up(Clock(now))
        self._report(run)

    def _far_enough(self, since: datetime) -> datetime:
        """A database that was restored is at least as old as its last sweep."""
        sweeps = Heartbeat.objects.filter(name="sweep")
        last = sweeps.values_list("finished_at", flat=True).first()
        if last is None or last - MARGIN >= since:
            return since
        self._say(f"The last sweep this database knows of was {last:%Y-%m-%d %H:%M} UTC.")
        return last - MARGIN

    def _report(self, run: Run) -> None:
        ours = [one for one in run.strangers.values() if one.refund_uuid]
        for one in ours[:NAMED]:
            payment = " or ".join(one.payment_refs)
            self._say(
                f"{one.provider_refund_id}: this site refunded it, but does not know its payment "
                f"{payment}. Was it made after the backup?"
            )
        others = len(run.strangers) - min(len(ours), NAMED)
        if others:
            self._say(f"{others} more refunds are of payments that are not of this site.")
        self._say(
            f"{run.compared} payments compared, {run.changed} rows changed, {run.failed} failed."
        )
        if run.is_stopped:
            raise CommandError("The time is over; --resume goes on.", returncode=1)
        if run.failed:
            raise CommandError(
                "Not everything could be compared; --resume goes on with the rest.", returncode=1
            )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def unfinished() -> Heartbeat | None:
    return Heartbeat.objects.filter(name=RUN, counts__is_done=False).first()


@dataclass
class Run:
    """One comparison of all that was touched since; it can be gone on with."""

    since: datetime
    began: datetime
    say: Callable[[str], None]
    ends: float
    """A moment of `time.monotonic`."""
    compared: int = 0
    changed: int = 0
    failed: int = 0
    strangers: dict[str, MadeRefund] = field(default_factory=dict)
    """Refunds of payments that this database does not know."""
    is_stopped: bool = False

    def catch_up(self, clock: Clock) -> None:
        """Compare every payment that we or a provider touched since; each once in a run."""
        self._note(is_done=False)
        ours = _touched_since(self.since)
        self.say(
            f"{_counted(len(ours), 'payment')} touched since {_at(self.since)} by our own rows."
        )
        self._compare(ours, clock)
        for provider in Provider:
            gateway = gateway_of(provider)
            if gateway is not None and not self.is_stopped:
                self._ask(provider, gateway, clock)
        if not self.failed and not self.is_stopped:
            self._note(is_done=True)

    def _note(self, *, is_done: bool) -> None:
        counts = {
            "since": self.since.isoformat(),
            "began": self.began.isoformat(),
            "is_done": is_done,
        }
        Heartbeat.objects.update_or_create(
            name=RUN, defaults={"finished_at": self.began, "counts": counts}
        )

    def _ask(self, provider: Provider, gateway: Gateway, clock: Clock) -> None:
        """For all refunds that this provider has made since."""
        since, ends_at = self.since, clock.now + AHEAD
        while since < ends_at and not self.is_stopped:
            until = min(since + SPAN, ends_at)
            try:
                for made in filter(None, gateway.refunds_made(since, until)):
                    known = self._payments_of(provider, made)
                    self.say(
                        f"{provider.label}, {_at(since)} to {_at(until)}: "
                        f"{_counted(len(made), 'refund')} listed, of "
                        f"{_counted(len(known), 'payment')} here."
                    )
                    self._compare(known, clock)
            except Exception as error:  # the other provider is asked all the same
                self.failed += 1
                self.say(
                    f"{provider.label} could not be asked for its refunds since {_at(since)}: "
                    f"{error}"
                )
                return
            since = until

    def _payments_of(self, provider: Provider, made: list[MadeRefund]) -> list[int]:
        refs = {ref for one in made for ref in one.payment_refs}
        found = Payment.objects.filter(provider=provider, provider_ref__in=refs)
        known = dict(found.values_list("provider_ref", "pk"))
        for one in made:
            if not known.keys() & set(one.payment_refs):
                self.strangers[one.provider_refund_id] = one
        return sorted(set(known.values()))

    def _compare(self, payment_ids: list[int], clock: Clock) -> None:
        """Those that this run has not compared yet."""
        done = Payment.objects.filter(reconciled_at__gte=self.began)
        for n, pk in enumerate(payment_ids, 1):
            if time.monotonic() > self.ends:
                self.is_stopped = True
                return
            if done.filter(pk=pk).exists():
                continue
            before = _gone(pk)
            changed, failed = refunds.reconcile([pk], now=clock.now)
            self.compared += 1 - failed
            self.changed += changed
            self.failed += failed
            if (gone := _gone(pk)) != before:
                self._say_what_is_gone(pk, gone)
            if n % SAID_EVERY == 0:
                self.say(f"… {n} of {len(payment_ids)} payments compared.")

    def _say_what_is_gone(self, pk: int, gone: int) -> None:
        payment = Payment.objects.select_related("booking").get(pk=pk)
        paid = formats.money(payment.captured_minor, payment.currency)
        back = formats.money(gone, payment.currency)
        self.say(
            f"{payment.booking.code}: {back} of {paid} went back without this site knowing of it."
        )


def _touched_since(since: datetime) -> list[int]:
    """Payments made or refunded since, the ones that were compared longest ago first."""
    recent = Payment.objects.filter(
        Q(paid_at__gte=since)
        | Q(refunds__created_at__gte=since)
        | Q(refunds__finished_at__gte=since)
    )
    order = F("reconciled_at").asc(nulls_first=True)
    # Grouped here, not in the database: one payment has several refunds.
    return list(dict.fromkeys(recent.order_by(order, "pk").values_list("pk", flat=True)))


def _gone(pk: int) -> int:
    return Payment.objects.values_list("returned_external_minor", flat=True).get(pk=pk)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
