"""Reports, offers, marks, contests, refunds and links of the generated stories."""

from __future__ import annotations

from benchmarks.rows import Writer, event_id
from benchmarks.stories import ANSWER, OFFER, STORIES, Story
from bookings.models import CompletionMark, Contest, NoShowReport, Offer, PrivateLink, Refund

SHOWN_FOR = 400 * 24 * 3600


def write(writer: Writer) -> None:
    for name, story in STORIES.items():
        write_one(writer, name, story)


def write_one(writer: Writer, name: str, story: Story) -> None:
    where = f"story = '{name}'"
    if "report_no_show" in story.verbs:
        _report(writer, where, story)
    if "offer_reschedule" in story.verbs:
        _offer(writer, where, story)
    if "mark_completed" in story.verbs:
        _mark(writer, where, story)
    if "contest" in story.verbs:
        _contest(writer, where, story)
    if story.is_refunded:
        _refund(writer, f"{where} AND price > 0", story)
    if story.steps:
        _link(writer, where, "status", "t1", "NULL")


def _report(writer: Writer, where: str, story: Story) -> None:
    made = story.position("report_no_show")
    closed = 0 if story.has_open_report else story.position("no_answer")
    writer.insert(
        NoShowReport,
        where,
        id="id",
        booking_id="id",
        attempt="1",
        reason="'expert_absent'",
        text="'I waited for twenty minutes and nobody came.'",
        reported_at=writer.moment(f"t{made}"),
        due_at=writer.moment(f"t{made} + {ANSWER}"),
        outcome="'refunded'" if closed else "'open'",
        closed_at=writer.moment(f"t{closed}" if closed else "NULL"),
        made_by_id=event_id(made),
        closed_by_id=event_id(closed) if closed else "NULL",
    )


def _offer(writer: Writer, where: str, story: Story) -> None:
    made = story.position("offer_reschedule")
    writer.insert(
        Offer,
        where,
        id="id",
        booking_id="id",
        attempt="1",
        is_after_report=writer.dialect.literal(story.has_open_report),
        offered_at=writer.moment(f"t{made}"),
        expires_at=writer.moment(f"t{made} + {OFFER}"),
        made_by_id=event_id(made),
    )
    _link(writer, where, "pick", f"t{made}", event_id(made))


def _mark(writer: Writer, where: str, story: Story) -> None:
    made = story.position("mark_completed")
    writer.insert(
        CompletionMark,
        where,
        id="id",
        booking_id="id",
        attempt="1",
        outcome="'held_elsewhere'",
        channel="'video'",
        held_at=writer.moment("starts"),
        minutes="15",
        marked_at=writer.moment(f"t{made}"),
        made_by_id=event_id(made),
    )
    _link(writer, where, "contest", f"t{made}", event_id(made))


def _contest(writer: Writer, where: str, story: Story) -> None:
    writer.insert(
        Contest,
        where,
        id="id",
        booking_id="id",
        attempt="1",
        reason="'We never spoke.'",
        contested_at=writer.moment(story.at("contest")),
    )


def _refund(writer: Writer, where: str, story: Story) -> None:
    caused = len(story.steps) - 1
    dialect = writer.dialect
    writer.insert(
        Refund,
        where,
        id="id",
        uuid=dialect.uuid("id"),
        payment_id="id",
        booking_id="id",
        event_id=event_id(caused),
        amount_minor="price",
        currency="'INR'",
        state="'succeeded'",
        request=dialect.json(
            payment_ref="'pi_' || id", amount_minor="price", currency="'INR'", booking_code="''"
        ),
        attempts="1",
        provider_refund_id="'re_' || id",
        reference="'ARN' || id",
        created_at=writer.moment(f"t{caused}"),
        first_sent_at=writer.moment(f"t{caused}"),
        finished_at=writer.moment(f"t{caused + 1}"),
    )


def _link(writer: Writer, where: str, purpose: str, made: str, by: str) -> None:
    writer.insert(
        PrivateLink,
        where,
        booking_id="id",
        purpose=f"'{purpose}'",
        key=f"'{purpose}-' || id",
        created_at=writer.moment(made),
        expires_at=writer.moment(f"{made} + {SHOWN_FOR}"),
        made_by_id=by,
    )
