"""manage.py list_emails: every e-mail, who gets it and when; with --out also a sample of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bookings import database_time
from bookings.demo.samples import Sample, samples
from bookings.emails import KINDS


class Command(BaseCommand):
    help = "List every e-mail: who gets it, when, and its subject."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="write each sample as .txt, .html and .ics"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path | None = options["out"]
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        count = 0
        for sample in samples(now=database_time.now()):
            kind = KINDS[sample.kind]
            self.stdout.write(f"{sample.name}  (to the {kind.audience}: {kind.when})")
            self.stdout.write(f"    {sample.rendered.subject}")
            count += 1
            if out is not None:
                _write(sample, out)
        self.stdout.write(f"{len(KINDS)} e-mails, {count} samples{f' in {out}' if out else ''}.")


def _write(sample: Sample, out: Path) -> None:
    mail = sample.rendered
    head = f"From: {mail.sender}\nTo: {', '.join(mail.to)}\nSubject: {mail.subject}\n\n"
    (out / f"{sample.name}.txt").write_text(head + mail.text, encoding="utf-8")
    (out / f"{sample.name}.html").write_text(mail.html, encoding="utf-8")
    if mail.calendar:
        (out / f"{sample.name}.ics").write_bytes(mail.calendar.encode())
