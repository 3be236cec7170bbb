"""python -m tests.outages: ten parts, one at a time. About 40 minutes; docs/production.md
has a table.

`--only beat,disk` stops only these. As root DATA_DIR is a small disk that can be filled; elsewhere
that part counts as not run. The others need the program `faketime` at most.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.outages.parts import MAIL, PARTS, PING, NotPossible, Part, small_disk
from tests.outages.site import Site, running

ALARM_WITHIN = 300.0
CLEAR_WITHIN = 720.0
"""A clock counts as wrong for ten minutes after the last look at it that found it so."""
HEAD = f"{'part':18} {'mail after':>11} {'ping /fail after':>17} {'all clear after':>16}"


@dataclass
class Outcome:
    part: Part
    told: dict[str, float] = field(default_factory=dict)
    """After how many seconds, by mail and by a ping."""
    clear: float | None = None
    note: str = ""

    @property
    def is_well(self) -> bool:
        return self.told.keys() >= set(self.part.ways) and self.clear is not None

    def line(self) -> str:
        def seconds(one: float | None) -> str:
            return "-" if one is None else f"{one:.0f} s"

        mail, ping, end = self.told.get(MAIL), self.told.get(PING), f"  {self.note}"
        return (
            f"{self.part.name:18} {seconds(mail):>11} {seconds(ping):>17} "
            f"{seconds(self.clear):>16}{end.rstrip()}"
        )


def play(site: Site, part: Part) -> Outcome:
    """Stop it, wait for the alarms, put it back, wait until all is well."""
    outcome = Outcome(part)
    mails, pings = len(site.heard.mails()), len(site.heard.ends())
    began = time.monotonic()

    def is_told() -> bool:
        failed = [text for is_well, text in site.heard.ends()[pings:] if not is_well]
        for way, texts in ((MAIL, site.heard.mails()[mails:]), (PING, failed)):
            if any(words in text for text in texts for words in part.words):
                outcome.told.setdefault(way, time.monotonic() - began)
        return outcome.told.keys() >= set(part.ways)

    def is_over() -> bool:
        ends = site.heard.ends()
        return len(ends) > back and _is_answered(site, part, mails) and site.is_well()

    try:
        with part.stopped(site):
            site.wait(is_told, ALARM_WITHIN)
    except NotPossible as why:
        outcome.note = f"not run: {why}"
        return outcome
    back = len(site.heard.ends())
    outcome.clear = site.wait(is_over, CLEAR_WITHIN)
    if outcome.clear is None:
        outcome.note = f"{site.deep()} {site.heard.ends()[-1:]}"
    _say_others(site, mails)
    return outcome


def _is_answered(site: Site, part: Part, mails: int) -> bool:
    """For each mail that it is missing there is one that it is back."""
    if not part.trouble:
        return True
    from bookings.emails.letters.staff import TROUBLES

    new, trouble = site.heard.mails()[mails:], TROUBLES[part.trouble]
    missing, over = (
        [mail for mail in new if mail.startswith(text.partition("{")[0])]
        for text in (trouble.title, trouble.back)
    )
    return len(over) >= len(missing)


def _say_others(site: Site, mails: int) -> None:
    for mail in site.heard.mails()[mails:]:
        say(f"    mail: {mail.splitlines()[0]}")


def say(line: str) -> None:
    print(line, flush=True)


def _chosen(text: str) -> list[Part]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if strange := set(names) - {part.name for part in PARTS}:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(strange))}")
    return [part for part in PARTS if part.name in names or not names]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.outages")
    parser.add_argument("--only", type=_chosen, default=_chosen(""), metavar="PART,PART")
    parser.add_argument("--sweep-every", default="10s", help="of beat; 60s in production")
    options = parser.parse_args()
    parts: list[Part] = options.only
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="topmate-outages-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        data = folder / "data"
        data.mkdir(mode=0o700)
        with small_disk(data), running(folder, sweep_every=options.sweep_every) as site:
            for part in parts:
                say(f"{part.name} …")
                outcomes.append(play(site, part))
                say(f"  {outcomes[-1].line()}")
    say(f"\n{HEAD}")
    for outcome in outcomes:
        say(outcome.line())
    well = sum(outcome.is_well for outcome in outcomes)
    say(f"\n{well} of {len(outcomes)}")
    return 0 if well == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
