"""Bookings, payments, histories and their e-mails, from the plan.

Everything that belongs to a booking has its id; its n-th event has that id times 4 plus n.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from benchmarks.dialect import dialect_of
from benchmarks.stories import STORIES, Step, Story
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    OutboxEmail,
    Payment,
    PrivateLink,
    Refund,
    TimelineEvent,
)
from bookings.models.booking import CODE_ALPHABET
from bookings.policy import Policy

FILLED: tuple[type[models.Model], ...] = (
    Booking,
    Payment,
    TimelineEvent,
    OutboxEmail,
    Refund,
    NoShowReport,
    Offer,
    Contest,
    CompletionMark,
    PrivateLink,
)
BOOKED = "starts - 259200"
"""Three days before the call."""
EVENTS = 4
"""at most, of a generated booking"""


class Writer:
    """Writes rows made of the columns of `bench_plan`."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.dialect = dialect_of(connection)

    def execute(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def insert(self, model: type[models.Model], where: str = "", /, **columns: str) -> None:
        """A row for every call of the plan; a field that is not named has its default."""
        values: dict[str, str] = {}
        for field in model._meta.concrete_fields:
            column = str(field.column)
            if field.attname in columns:
                values[column] = columns.pop(field.attname)
            elif field.null:
                values[column] = "NULL"
            elif field.has_default():
                values[column] = self.dialect.literal(field.get_default())
            elif not isinstance(field, models.AutoField):
                values[column] = "''"
        if columns:
            raise ValueError(f"{model.__name__} has no {', '.join(columns)}")
        self.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(values)}) "
            f"SELECT {', '.join(values.values())} FROM bench_plan {where and 'WHERE ' + where}"
        )

    def moment(self, seconds: str) -> str:
        return "NULL" if seconds == "NULL" else self.dialect.moment(seconds)

    def by_story(self, of: Callable[[Story], str]) -> str:
        """SQL that gives each booking what `of` says of its story."""
        told = " ".join(f"WHEN '{name}' THEN {of(story)}" for name, story in STORIES.items())
        return f"CASE story {told} END"

    def instant(self, of: Callable[[Story], str]) -> str:
        """`of` gives seconds as SQL, or NULL."""
        return self.by_story(lambda story: self.moment(of(story)))

    def bookings(self) -> None:
        self.insert(
            Booking,
            id="id",
            code=_code(),
            expert_id="expert",
            follower_id="follower",
            service_id="expert",
            service_title="'Portfolio review'",
            place="'https://meet.example.com/room'",
            price_minor="price",
            currency="'INR'",
            starts_at=self.moment("starts"),
            ends_at=self.moment("ends"),
            busy_until=self.moment("ends"),
            state=self.by_story(lambda story: f"'{story.state}'"),
            deadline_at=self.instant(lambda story: story.deadline),
            next_reminder_at=self.instant(lambda story: story.reminder),
            resume_state=self.by_story(lambda story: f"'{story.resume_state}'"),
            resume_deadline_at=self.instant(lambda story: story.resume_deadline),
            version=self.by_story(lambda story: str(1 + sum(bool(s.to) for s in story.steps))),
            has_open_report=self.by_story(
                lambda story: self.dialect.literal(story.has_open_report)
            ),
            reports_this_attempt=self.by_story(
                lambda story: str(int("report_no_show" in story.verbs))
            ),
            offers_after_report=self.by_story(
                lambda story: str(int(story.resume_state == "no_show_reported"))
            ),
            marked_at=self.instant(lambda story: story.at("mark_completed")),
            contested_at=self.instant(lambda story: story.at("contest")),
            policy=self.dialect.literal(Policy.in_force().to_json()),
            created_at=self.moment(BOOKED),
            updated_at=self.instant(lambda s: f"t{len(s.steps)}" if s.steps else BOOKED),
        )

    def payments(self) -> None:
        self.insert(
            Payment,
            "price > 0",
            id="id",
            booking_id="id",
            provider="'stripe'",
            provider_ref="'pi_' || id",
            method="'Visa ending 4242'",
            currency="'INR'",
            captured_minor="price",
            reserved_minor=self.by_story(lambda story: "price" if story.is_refunded else "0"),
            paid_at=self.moment(BOOKED),
        )

    def histories(self) -> None:
        """The first event of all bookings together, the others story by story."""
        starts = self.dialect.iso("starts")
        booked = (("starts_at", starts), ("price_minor", "price"), ("currency", "'INR'"))
        self._event("", 0, Step("booked", "follower", data=booked), "")
        for name, story in STORIES.items():
            self.history(name, story)

    def history(self, name: str, story: Story) -> None:
        """What happened after the booking, and the e-mails about it."""
        before = "scheduled"
        for number, step in enumerate(story.steps, start=1):
            where = f"story = '{name}'" + (" AND price > 0" if step.is_about_money else "")
            self._event(where, number, step, before)
            before = step.to or before
            for kind, audience in step.mails:
                self._mail(where, number, kind, audience)

    def _event(self, where: str, number: int, step: Step, before: str) -> None:
        data = {key: self._sql(value) for key, value in step.data}
        self.insert(
            TimelineEvent,
            where,
            id=event_id(number),
            booking_id="id",
            verb=f"'{step.verb}'",
            from_state=f"'{before}'" if step.to else "''",
            to_state=f"'{step.to}'",
            actor_kind=f"'{step.by}'",
            actor_id="expert" if step.by == "expert" else "NULL",
            data=self.dialect.json(**data),
            at=self.moment(f"t{number}" if number else BOOKED),
        )

    def _sql(self, value: str) -> str:
        """`iso(column)` and `uuid(column)` in the words of this database."""
        value = re.sub(r"\biso\((\w+)\)", lambda found: self.dialect.iso(found[1]), value)
        return re.sub(r"\buuid\((\w+)\)", lambda found: self.dialect.uuid(found[1]), value)

    def _mail(self, where: str, number: int, kind: str, audience: str) -> None:
        sent = self.moment(f"t{number}")
        self.insert(
            OutboxEmail,
            where,
            kind=f"'{kind}'",
            audience=f"'{audience}'",
            booking_id="id",
            event_id=event_id(number),
            facts=self.dialect.json(starts_at=self.dialect.iso("starts")),
            dedupe_key=f"'{kind}:' || id || ':' || ({event_id(number)})",
            message_id=f"'<{number}.{kind}.' || id || '@bench.invalid>'",
            state="'sent'",
            attempts="1",
            created_at=sent,
            sent_at=sent,
        )


def event_id(number: int) -> str:
    return f"id * {EVENTS} + {number}"


def _code() -> str:
    """Each id has its own code, in no visible order: times an odd number, modulo 32 ** 7."""
    drawn = "id * 21565676101 % 34359738368"
    letters = (
        f"substr('{CODE_ALPHABET}', CAST({drawn} / {32**place} % 32 AS int) + 1, 1)"
        for place in range(7)
    )
    return "'TM-' || " + " || ".join(letters)
