"""What has happened before each sample e-mail: one scene per kind and variant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bookings.emails.stage import Stage
from bookings.models import TimelineEvent
from bookings.states import State

Scene = Callable[[Stage], tuple[TimelineEvent | None, dict[str, Any]]]
Told = tuple[TimelineEvent | None, dict[str, Any]]


def _offer(*, is_after_report: bool = False, is_future: bool = False) -> Scene:
    def scene(stage: Stage) -> Told:
        if is_future:
            stage.move_to_the_future()
        return stage.offer(is_after_report=is_after_report), {}

    return scene


def _report(*, is_second: bool = False) -> Scene:
    return lambda stage: (stage.report(is_second=is_second), {})


def _time_left(hours: int, *, is_second: bool = False) -> Scene:
    def scene(stage: Stage) -> Told:
        event = stage.report(is_second=is_second)
        stage.change(State.NO_SHOW_REPORTED, deadline_at=stage.now + timedelta(hours=hours))
        return event, {"hours": hours}

    return scene


def _moved(stage: Stage) -> Told:
    old = stage.booking.starts_at
    stage.move_to_the_future()
    new = stage.booking.starts_at
    event = stage.event("pick_time", "follower", **{"from": old.isoformat(), "to": new.isoformat()})
    return event, {}


def _mark(outcome: str, channel: str = "", note: str = "") -> Scene:
    return lambda stage: (stage.mark(outcome, channel, note), {})


def _withdrawn_report(stage: Stage) -> Told:
    stage.report()
    stage.change(State.SCHEDULED, has_open_report=False)
    return stage.event("withdraw_report", "follower"), {}


def _contest(stage: Stage) -> Told:
    stage.mark("held_elsewhere", "video")
    return stage.contest(), {}


def _refund(verb: str, actor: str, *, is_free: bool = False, is_future: bool = False) -> Scene:
    def scene(stage: Stage) -> Told:
        if is_future:
            stage.move_to_the_future()
        if is_free:
            stage.make_free()
        is_cancel = verb == "cancel"
        stage.change(State.CANCELLED if is_cancel else State.REFUNDED, calendar_sequence=1)
        note = "I have fallen ill and cannot say when I am back." if actor != "system" else ""
        minor = stage.booking.price_minor
        event = stage.event(
            verb, actor, note, refund_minor=minor, currency="INR", was_future=is_future
        )
        if minor:
            stage.refund(event)
        return event, {}

    return scene


def _refund_news(verb: str, state: str, **columns: Any) -> Scene:
    def scene(stage: Stage) -> Told:
        stage.change(State.REFUNDED)
        cause = stage.event("no_answer", "system", refund_minor=stage.booking.price_minor)
        refund = stage.refund(cause, state, **columns)
        return stage.event(verb, "system", refund=str(refund.uuid)), {}

    return scene


def _decision(decision: str) -> Scene:
    def scene(stage: Stage) -> Told:
        stage.mark("held_elsewhere", "video")
        stage.contest()
        is_refund = decision == "refunded"
        stage.change(State.REFUNDED if is_refund else State.COMPLETED)
        minor = stage.booking.price_minor
        note = "The call log that Maya sent shows no call on that day."
        if not is_refund:
            note = "The call log that Maya sent shows a call of 45 minutes."
        data = {"decision": decision, **({"refund_minor": minor} if is_refund else {})}
        event = stage.event("decide", "staff", note, **data)
        if is_refund:
            stage.refund(event)
        stage.booking.contests.update(decision=decision, decision_reason=note)
        return event, {}

    return scene


def _after_call(stage: Stage) -> Told:
    return stage.event("reminder", "system"), {}


def _lapsed(stage: Stage) -> Told:
    stage.offer()
    stage.change(State.COMPLETED)
    return stage.event("offer_lapsed", "system"), {}


def _new_link(stage: Stage) -> Told:
    return None, {"purpose": "status"}


def _support(answer: str = "") -> Scene:
    return lambda stage: (None, {"support_request": stage.support(answer).pk})


def _sweep_late(stage: Stage) -> Told:
    stage.is_about_a_booking = False
    return None, {"minutes": 12}


def _clock_wrong(ahead_s: int, database: str) -> Scene:
    def scene(stage: Stage) -> Told:
        stage.is_about_a_booking = False
        return None, {"host": "worker-2", "ahead_s": ahead_s, "database": database}

    return scene


def _set_aside(stage: Stage) -> Told:
    stage.is_about_a_booking = False
    return None, {"set_aside": 0, "why": "ValueError: 'later' is no number of seconds"}


def _unclear(stage: Stage) -> Told:
    stage.is_about_a_booking = False
    return None, {"checkout": 1, "why": "This release does not know the provider 'paypal'."}


def _held(stage: Stage) -> Told:
    stage.is_about_a_booking = False
    return None, {"reason": "unusually many refunds"}


def _password(stage: Stage) -> Told:
    stage.is_about_a_booking = False
    return None, {"user": stage.booking.expert.user_id}


def _changed_by_staff(**facts: Any) -> Scene:
    def scene(stage: Stage) -> Told:
        stage.is_about_a_booking = False
        user = stage.booking.expert.user
        asked = "You asked us to by phone, as you could not sign in."
        return None, {"user": user.pk, "to": user.email, "reason": asked, **facts}

    return scene


def _booked(*, is_free: bool = False) -> Scene:
    def scene(stage: Stage) -> Told:
        stage.move_to_the_future()
        if is_free:
            stage.make_free()
        return stage.event("booked", "follower", origin="checkout"), {
            "starts_at": stage.booking.starts_at.isoformat()
        }

    return scene


def _time_taken(stage: Stage) -> Told:
    stage.move_to_the_future()
    stage.change(State.CANCELLED)
    minor = stage.booking.price_minor
    event = stage.event("time_taken", "system", refund_minor=minor, currency="INR")
    stage.refund(event)
    return event, {}


_DECLINED = {"last_answer": "insufficient_funds: the account has no money left."}
_OTHER_UNITS = {"last_answer": "Stripe counts RSD in other units: the amount would be wrong."}
_ON_ZOOM = "Zoom dropped us twice, so we went on by phone."

SCENES: dict[str, Scene] = {
    "booked-paid": _booked(),
    "booked-free": _booked(is_free=True),
    "booked_expert": _booked(),
    "time_taken": _time_taken,
    "offer-after-report": _offer(is_after_report=True),
    "offer-past": _offer(),
    "offer-upcoming": _offer(is_future=True),
    "offer_reminder": _offer(is_after_report=True),
    "offer_withdrawn": lambda stage: (stage.withdrawn_offer(), {}),
    "offer_undelivered": _offer(),
    "offer_lapsed": _lapsed,
    "time_confirmed": _moved,
    "time_picked": _moved,
    "new_link": _new_link,
    "after_call": _after_call,
    "marked_completed-elsewhere": _mark("held_elsewhere", "phone", _ON_ZOOM),
    "marked_completed-absent": _mark("follower_absent"),
    "report_received-first": _report(),
    "report_received-second": _report(is_second=True),
    "no_show_reported-first": _report(),
    "no_show_reported-second": _report(is_second=True),
    "withdrawal_received": _withdrawn_report,
    "report_withdrawn": _withdrawn_report,
    "time_left-24": _time_left(24),
    "time_left-6": _time_left(6),
    "time_left-second": _time_left(48, is_second=True),
    "contest_received": _contest,
    "contested": _contest,
    "staff_contested": _contest,
    "staff_contest_reminder": _contest,
    "decision-completed": _decision("completed"),
    "decision-refunded": _decision("refunded"),
    "decision_expert-completed": _decision("completed"),
    "decision_expert-refunded": _decision("refunded"),
    "refund_started-no-answer": _refund("no_answer", "system"),
    "refund_started-instead": _refund("refund_instead", "follower"),
    "refund_started-future": _refund("refund_now", "expert", is_future=True),
    "refund_started-free": _refund("no_answer", "system", is_free=True),
    "booking_refunded-no-answer": _refund("no_answer", "system"),
    "booking_refunded-staff": _refund("refund_now", "staff", is_future=True),
    "refund_confirmed": _refund_news(
        "refund_succeeded", "succeeded", reference="ARN 74537604221431003881865"
    ),
    "refund_failed-declined": _refund_news("refund_declined", "declined", **_DECLINED),
    "refund_failed-reversed": _refund_news("refund_reversed", "reversed"),
    "staff_refund_failed-declined": _refund_news("refund_declined", "declined", **_DECLINED),
    "staff_refund_failed-held": _refund_news("refund_held", "due", hold_reason="bank dispute open"),
    "staff_refund_failed-by-hand": _refund_news("refund_by_hand", "manual_due", **_OTHER_UNITS),
    "call_cancelled": _refund("cancel", "expert", is_future=True),
    "call_cancelled_expert": _refund("cancel", "staff", is_future=True),
    "staff_refunds_held": _held,
    "staff_money_differs": lambda stage: (None, {}),
    "staff_sweep_late": _sweep_late,
    "staff_clock_wrong-ahead": _clock_wrong(4 * 86400, "postgresql"),
    "staff_clock_wrong-jumped": _clock_wrong(-5400, "sqlite"),
    "staff_bookings_set_aside": _set_aside,
    "staff_purchase_unclear": _unclear,
    "staff_support_request": _support(),
    "support_answer": _support("Only Lena can move it now. You can refund it, or mark it."),
    "password_reset": _password,
    "address_changed_by_staff": _changed_by_staff(new="maya@new.example"),
    "password_changed_by_staff": _changed_by_staff(),
}
