"""A sample of every e-mail. What it tells of is played through the real verbs, and the e-mail is
the one that they queued; all of it is taken back at once, and nothing is sent.

Maya sells calls and lives in Kolkata; Lena lives in Berlin.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction

from bookings import checkouts, emails, helpdesk, invitations, lifecycle, slots
from bookings.demo import actions, playing
from bookings.demo.actions import Channel, Held
from bookings.demo.people import sells
from bookings.demo.playing import DAY, HOUR, Act, Action, Story, live
from bookings.emails import KINDS
from bookings.emails.letter import MailCase
from bookings.emails.rendering import render
from bookings.models import Booking, Expert, Follower, OutboxEmail, Provider, User
from bookings.refunds.holds import leave_to_staff
from bookings.states import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Sample:
    """`name` is the kind, with a variant where a kind has several texts."""

    name: str
    kind: str
    rendered: emails.Rendered
    is_still_true: bool
    """Whether delivery would send it in the state it was made from."""


def samples(*, now: datetime) -> Iterator[Sample]:
    """A sample per kind and variant; first the follower's, then the expert's, then staff's.

    While a site holds its refunds back, there is none of the e-mails that tell of their outcome.
    """
    audiences = OutboxEmail.Audience.values
    for name in sorted(PLAYED, key=lambda name: audiences.index(KINDS[_kind(name)].audience)):
        sample = None
        with transaction.atomic():
            if row := play(name, now=now):
                case, kind = case_of(row, now=now), KINDS[row.kind]
                sample = Sample(name, row.kind, render(row.kind, case), kind.still_true(case))
            transaction.set_rollback(True)
        if sample:
            yield sample


def play(name: str, *, now: datetime) -> OutboxEmail | None:
    """Play what this e-mail tells of, until `now`; the row it left in the outbox."""
    site = _Site(_kind(name), now)
    made = PLAYED[name](site)
    if isinstance(made, OutboxEmail):
        return made
    of_maya = OutboxEmail.objects.filter(kind=site.kind, booking__expert=site.maya)
    return of_maya.order_by("pk").last()


def _kind(name: str) -> str:
    return name.partition("-")[0]


def case_of(row: OutboxEmail, *, now: datetime) -> MailCase:
    """From what stands in the database now."""
    row = OutboxEmail.objects.select_related("booking__expert", "event").get(pk=row.pk)
    return MailCase.of(row.audience, row.booking, row.event, row.facts, now)


# --- the site -------------------------------------------------------------------------------------


class _Site:
    """Where one sample is played: two people, somebody of the staff, and two calls on sale."""

    def __init__(self, kind: str, now: datetime) -> None:
        self.kind, self.now = kind, now
        tag = secrets.token_hex(4)
        self.maya = maya = Expert.objects.create(
            user=User.objects.create_user(f"maya.{tag}@sample.invalid"),
            name="Maya Fernandes",
            slug=f"sample-{tag}",
            time_zone="Asia/Kolkata",
        )
        services = {"UX audit": (60, 540_000, "INR"), "Hello call": (15, 0, "INR")}
        sells(maya, services, {day: ((time(9), time(18)),) for day in range(7)})
        self.lena = Follower.objects.create(
            name="Lena Vogel", email=f"lena.{tag}@sample.invalid", time_zone="Europe/Berlin"
        )
        self.staff = User.objects.create_user(f"staff.{tag}@sample.invalid", is_staff=True)


Played = Callable[[_Site], Any]


def _call(
    *acts: tuple[float, Action], began: float = 3, title: str = "UX audit", **more: Any
) -> Played:
    """One call that began so many hours ago, and what was done with it, also in hours ago."""

    def played(site: _Site) -> Booking:
        starts_at = site.now - began * HOUR
        story = Story(
            ref="sample",
            expert=site.maya,
            follower=site.lena,
            title=title,
            starts_at=starts_at.replace(minute=0, second=0, microsecond=0),
            acts=tuple(Act(site.now - ago * HOUR, action) for ago, action in acts),
            **more,
        )
        booking = live(story, now=site.now)
        playing.mark_sent(booking)
        return booking

    return played


def _queued(kind: str, **facts: Any) -> Action:
    """What is queued without a verb, at the booking's last event."""
    return lambda booking, at: emails.queue(
        kind, booking=booking, now=at, event=booking.events.latest("pk"), facts=facts
    )


def _facts(**facts: Any) -> Played:
    """About the site itself: its facts are all there is to it."""
    return lambda site: emails.queue(site.kind, now=site.now, dedupe=site.maya.slug, facts=facts)


# --- what people do -------------------------------------------------------------------------------

JUST_NOW = 0.01
_REPORT = actions.report("I waited in the room for 25 minutes, then I wrote to you on the chat.")
_OFFER = actions.offer("Sorry I missed you, Lena. Any of these work for me.")
_MARK = actions.mark(Held.HELD_ELSEWHERE, Channel.VIDEO)
_CONTEST = actions.contest("We never spoke, neither here nor anywhere else.")
_ILL = "I have fallen ill and cannot say when I am back."
_UPCOMING = -72


def _by_staff(verb: Callable[..., Booking], reason: str, **more: Any) -> Action:
    def action(booking: Booking, at: datetime) -> None:
        staff = User.objects.filter(is_staff=True).latest("pk")
        verb(booking.pk, actor=Actor(ActorKind.STAFF, staff.pk), now=at, reason=reason, **more)

    return action


def _second_report(ago: float) -> Played:
    """The new time that was picked after the first report passed in vain, too."""
    return _call(
        (ago + 58, _REPORT),
        (ago + 50, _OFFER),
        (ago + 40, actions.pick(timedelta(0))),
        (ago, _REPORT),
        began=ago + 60,
    )


def _refunded(ago: float, **more: Any) -> Played:
    """Nobody answered the report, and its 72 hours ended so many hours ago."""
    return _call((72 + ago, _REPORT), began=74 + ago, **more)


def _contested(ago: float, *acts: tuple[float, Action]) -> Played:
    return _call((ago + 1, _MARK), (ago, _CONTEST), *acts, began=ago + 3)


def _left_to_staff(booking: Booking, at: datetime) -> None:
    why = "Stripe counts RSD in other units: the amount would be wrong."
    leave_to_staff(booking.refunds.get(), why, now=at)


def _bought(site: _Site, title: str = "UX audit", *, name: str = "Lena", ago: float = 0) -> Any:
    """The form of the calendar was sent; a free call is booked by that."""
    service = site.maya.services.get(title=title)
    address = site.lena.email.replace("lena", name.lower())
    return checkouts.start(
        service,
        starts_at=slots.free_of(service, now=site.now)[9],
        buyer=checkouts.Buyer(f"{name} Vogel", address, "Europe/Berlin", "24"),
        provider=Provider.SANDBOX,
        request_key=secrets.token_hex(16),
        now=site.now - ago * HOUR,
    )


def _paid(site: _Site) -> None:
    checkouts.pay_in_sandbox(_bought(site), now=site.now)


def _paid_too_late(site: _Site) -> None:
    """Lena's time was kept for fifteen minutes only, and Tom was faster."""
    late, first = _bought(site, ago=1), _bought(site, name="Tom", ago=0.5)
    checkouts.pay_in_sandbox(first, now=site.now)
    checkouts.pay_in_sandbox(late, now=site.now)


def _asked(site: _Site) -> Any:
    return helpdesk.ask(
        site.maya,
        subject="Can I move a call that was reported twice?",
        message="Lena reported the new call too.\nWhat can I do now?",
        booking=_call()(site),
        now=site.now,
    )


def _answered(site: _Site) -> None:
    answer = "Only Lena can move it now. You can refund it, or mark it."
    helpdesk.answer(_asked(site).pk, text=answer, by=site.staff, now=site.now)


def _told_of_account(site: _Site, **more: Any) -> Any:
    user, at = site.maya.user, site.now.isoformat()
    known = {"device": "Firefox on Android", "address": "203.0.113.7", "left": 9, "is_new": True}
    return _facts(**{"user": user.pk, "to": user.email, "at": at, **known, **more})(site)


def _of_account(site: _Site) -> Any:
    return _told_of_account(site)


def _of_account_again(site: _Site) -> Any:
    return _told_of_account(site, is_new=False, by="staff", reason="You showed us your passport.")


_PRICES = [("Portfolio review", "2400.00 INR → 2600.00 INR")]


def _changed_by_staff(site: _Site) -> Any:
    user, asked = site.maya.user, "You asked us to by phone, as you could not sign in."
    addresses = {"to": user.email, "old": user.email, "new": "maya@new.example"}
    return _facts(user=user.pk, reason=asked, prices=_PRICES, **addresses)(site)


def _invited(site: _Site) -> OutboxEmail:
    email = site.staff.email.replace("staff", "nina")
    invitations.invite(email, name="Nina Keller", by=site.staff, now=site.now)
    return OutboxEmail.objects.filter(kind=site.kind).latest("pk")


_PICKED = _call((2, _OFFER), (JUST_NOW, actions.pick(2 * DAY)))
_WITHDRAWN = _call((2, _REPORT), (JUST_NOW, actions.withdraw_report))
_HELD_IN_VAIN = "The call log that Maya sent shows no call on that day."
_DECIDED_REFUNDED = (JUST_NOW, _by_staff(lifecycle.decide, _HELD_IN_VAIN, decision="refunded"))
_HELD = "The call log that Maya sent shows a call of 45 minutes."
_DECIDED_COMPLETED = (JUST_NOW, _by_staff(lifecycle.decide, _HELD, decision="completed"))

PLAYED: dict[str, Played] = {
    "booked-paid": _paid,
    "booked-free": lambda site: _bought(site, "Hello call"),
    "booked_expert": _paid,
    "time_taken": _paid_too_late,
    "new_link": _call((JUST_NOW, _queued("new_link", purpose="status"))),
    "offer-after-report": _call((2, _REPORT), (JUST_NOW, _OFFER)),
    "offer-past": _call((JUST_NOW, _OFFER)),
    "offer-upcoming": _call((JUST_NOW, _OFFER), began=_UPCOMING),
    "offer_reminder": _call(
        (12 * 24 + 1, _REPORT), (12 * 24 + JUST_NOW, _OFFER), began=12 * 24 + 3
    ),
    "offer_withdrawn": _call((2, _OFFER), (JUST_NOW, actions.withdraw_offer)),
    "offer_undelivered": _call((2, _OFFER), (JUST_NOW, _queued("offer_undelivered"))),
    "offer_lapsed": _call((14 * 24 + 1, _OFFER), began=14 * 24 + 3),
    "time_confirmed": _PICKED,
    "time_picked": _PICKED,
    "after_call": _call(began=2),
    "report_received-first": _call((JUST_NOW, _REPORT)),
    "report_received-second": _second_report(JUST_NOW),
    "no_show_reported-first": _call((JUST_NOW, _REPORT)),
    "no_show_reported-second": _second_report(JUST_NOW),
    "withdrawal_received": _WITHDRAWN,
    "report_withdrawn": _WITHDRAWN,
    "time_left-24": _call((48 + JUST_NOW, _REPORT), began=50),
    "time_left-6": _call((66 + JUST_NOW, _REPORT), began=68),
    "time_left-second": _second_report(24 + JUST_NOW),
    "marked_completed-elsewhere": _call(
        (JUST_NOW, actions.mark(Held.HELD_ELSEWHERE, Channel.PHONE, "Zoom dropped us twice."))
    ),
    "marked_completed-absent": _call((JUST_NOW, actions.mark(Held.FOLLOWER_ABSENT))),
    "contest_received": _contested(JUST_NOW),
    "contested": _contested(JUST_NOW),
    "staff_contested": _contested(JUST_NOW),
    "staff_contest_reminder": _contested(5 * 24 + JUST_NOW),
    "decision-completed": _contested(1, _DECIDED_COMPLETED),
    "decision-refunded": _contested(1, _DECIDED_REFUNDED),
    "decision_expert-completed": _contested(1, _DECIDED_COMPLETED),
    "decision_expert-refunded": _contested(1, _DECIDED_REFUNDED),
    "refund_started-no-answer": _refunded(0.02),
    "refund_started-instead": _call((2, _REPORT), (1, _OFFER), (JUST_NOW, actions.refund_instead)),
    "refund_started-future": _call((JUST_NOW, actions.refund(_ILL)), began=_UPCOMING),
    "refund_started-free": _refunded(0.02, title="Hello call"),
    "booking_refunded-no-answer": _refunded(0.02),
    "booking_refunded-staff": _call(
        (JUST_NOW, _by_staff(lifecycle.refund_now, "Maya has fallen ill.")), began=_UPCOMING
    ),
    "call_cancelled": _call((JUST_NOW, actions.cancel(_ILL)), began=_UPCOMING),
    "call_cancelled_expert": _call(
        (JUST_NOW, _by_staff(lifecycle.cancel, "You told us that you are ill.")), began=_UPCOMING
    ),
    "refund_confirmed": _refunded(3),
    "refund_failed-declined": _refunded(3, refund_word="declines"),
    "refund_failed-reversed": _refunded(3, refund_word="returns"),
    "staff_refund_failed-declined": _refunded(3, refund_word="declines"),
    "staff_refund_failed-held": _call((2, actions.dispute), (1, actions.refund())),
    "staff_refund_failed-by-hand": _call((0.005, actions.refund()), (0, _left_to_staff)),
    "staff_refunds_held": _facts(reason="unusually many refunds"),
    "staff_money_differs": _call((JUST_NOW, _queued("staff_money_differs"))),
    "staff_sweep_late": _facts(minutes=12),
    "staff_trouble-sweep": _facts(name="sweep", seconds=240),
    "staff_trouble-broker": _facts(name="broker", seconds=130, why="It is full."),
    "staff_trouble_over-sweep": _facts(name="sweep", seconds=1500),
    "staff_clock_wrong-ahead": _facts(host="worker-2", ahead_s=4 * 86400, database="postgresql"),
    "staff_clock_wrong-jumped": _facts(host="worker-2", ahead_s=-5400, database="sqlite"),
    "staff_bookings_set_aside": _facts(why="ValueError: 'later' is no number of seconds"),
    "staff_purchase_unclear": _facts(checkout=1, why="LookupError: There are no keys."),
    "staff_unreadable": _facts(count=1, lines=["B7K2M: These limits cannot be read: grace."]),
    "staff_support_request": _asked,
    "support_answer": _answered,
    "password_reset": lambda site: emails.queue_password_reset(site.maya.user.email, now=site.now),
    "invitation": _invited,
    "address_changed_by_staff": _changed_by_staff,
    "password_changed_by_staff": _changed_by_staff,
    "prices_changed_by_staff": _changed_by_staff,
    "address_is_now_yours": _changed_by_staff,
    "new_sign_in": _of_account,
    "wrong_codes": _of_account,
    "second_factor_set_up-first": _of_account,
    "second_factor_set_up-again": _of_account_again,
    "second_factor_removed-own": _of_account,
    "second_factor_removed-staff": _of_account_again,
    "recovery_codes_replaced": _of_account,
    "recovery_code_used": _of_account,
    "password_changed": _of_account,
}
"""What happens before each e-mail, by the name of its sample."""
