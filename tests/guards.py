"""Take each guard of refunds, webhooks, buying, due work, access and
signing in away, and see its test fail.

    python -m tests.guards              all of them, in a copy of the project
    python -m tests.guards M03 M19      some
    python -m tests.guards --table      the tables of docs/guards.md

A guard is named by the fault of the matrix it stands against, and is a piece of code that is
replaced by another one. A test that stays green without its guard proves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.guards_of_access import ACCESS
from tests.guards_of_buying import BUYING
from tests.guards_of_due_work import DUE_WORK
from tests.guards_of_signing_in import SIGNING_IN

ROOT = Path(__file__).resolve().parent.parent
ENGINE = "bookings/refunds"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "var", "__pycache__", ".*_cache", "node_modules"
)


@dataclass(frozen=True)
class Guard:
    fault: str
    says: str
    path: str
    code: str
    without: str
    test: str


GUARDS = (
    Guard(
        "M01", "An exception while asking is no answer, never a refusal",
        f"{ENGINE}/sending.py",
        "errand.answer = Answer(Status.UNKNOWN, message=why[:400])",
        "errand.answer = Answer(Status.DECLINED, message=why[:400])",
        "tests/test_refunds_over_http.py::test_m01_m04_m25_what_was_done_is_adopted",
    ),
    Guard(
        "M02", "Every try has the same key",
        "bookings/models/money.py",
        'f"rf_{self.uuid.hex}_{self.epoch}"',
        'f"rf_{self.uuid.hex}_{self.epoch}{self.attempts:04d}"',
        "tests/test_refund_keys.py::test_m05_m02_no_other_trouble_ever_changes_the_key",
    ),
    Guard(
        "M03", "A stored 5xx that comes back leads to the next epoch",
        f"{ENGINE}/answers.py",
        'return {"epoch": refund.epoch + 1, "next_attempt_at": now + wait}',
        "return {}",
        "tests/test_refund_keys.py::test_m03_a_stored_500_without_work_needs_one_new_key",
    ),
    Guard(
        "M03", "and only after an absence of ten minutes: lists are behind",
        f"{ENGINE}/answers.py",
        "    if now - since < timing.SECOND_LOOK:\n        return {\"stored",
        "    if refund.stored_failure_at is None:\n        return {\"stored",
        "tests/test_refund_late_lists.py"
        "::test_m04_a_stored_500_with_work_is_paid_once_however_late_it_is_listed",
    ),
    Guard(
        "M03", "which begins anew after a try without an answer",
        f"{ENGINE}/answers.py",
        '        "stored_failure_at": None,\n        **_doubted',
        "        **_doubted",
        "tests/test_refund_keys.py"
        "::test_m03_the_key_does_not_change_while_a_try_may_still_be_under_way",
    ),
    Guard(
        "M03", "and the list is read once more before the next key is used",
        f"{ENGINE}/answers.py",
        "wait=timing.NEXT_KEY_AFTER",
        "wait=timing.before_retry(1)",
        "tests/test_refund_keys.py"
        "::test_m03_the_key_does_not_change_before_an_absence_of_ten_minutes",
    ),
    Guard(
        "M03", "Keys are bounded; then a person decides",
        f"{ENGINE}/answers.py",
        "if refund.epoch >= at_most:",
        "if False:",
        "tests/test_refund_keys.py"
        "::test_m03_errors_without_end_use_up_three_keys_and_ask_a_person",
    ),
    Guard(
        "M03", "A refusal that is only repeated leads to the next key at once",
        f"{ENGINE}/answers.py",
        "        case Doubt.REFUSED_FOR_GOOD:\n",
        "        case Doubt.REFUSED_FOR_GOOD if False:\n",
        "tests/test_refund_refusals.py"
        "::test_m03_a_refusal_that_ends_is_followed_by_the_refund_within_hours",
    ),
    Guard(
        "M03", "and one that comes again and again after ten minutes",
        f"{ENGINE}/answers.py",
        "        case Doubt.REFUSED:\n",
        "        case Doubt.REFUSED if False:\n",
        "tests/test_refund_refusals.py"
        "::test_m03_words_that_differ_under_a_known_key_lead_to_the_next_one",
    ),
    Guard(
        "M04", "A list that shows less than the payment says went back is no answer",
        "bookings/gateways/port.py",
        "if returned_minor <= shown:",
        "if True:",
        "tests/test_refund_late_lists.py"
        "::test_m04_what_the_payment_says_went_back_counts_though_the_list_is_hours_behind",
    ),
    Guard(
        "M04", "The list is asked before anything is sent again",
        f"{ENGINE}/sending.py",
        "return not is_first or now - refund.created_at >= timing.KEY_LIFE",
        "return False",
        "tests/test_refund_keys.py::test_m04_a_stored_500_with_work_is_found_and_never_sent_again",
    ),
    Guard(
        "M05", "Nothing but the provider's own 5xx counts as stored",
        f"{ENGINE}/answers.py",
        "        case Doubt.FAILED_INSIDE:\n",
        "        case Doubt.FAILED_INSIDE | Doubt.NONE:\n",
        "tests/test_refund_keys.py::test_m05_m02_no_other_trouble_ever_changes_the_key",
    ),
    Guard(
        "M06", "A lease keeps others away until its driver is certainly dead",
        f"{ENGINE}/sending.py",
        "until=now + timing.LEASE",
        "until=now",
        "tests/test_refund_crashes.py::test_m06_a_driver_that_dies_is_followed_by_one_that_pays_once",
    ),
    Guard(
        "M08", "The lease is taken in one conditional update",
        "bookings/database/leases.py",
        "taken = due.filter(pk__in=pks).update(",
        "taken = due.model._default_manager.filter(pk__in=pks).update(",
        "tests/test_refunds.py"
        "::test_m08_a_refund_that_another_driver_takes_in_between_is_left_to_it",
    ),
    Guard(
        "M09", "The database adds up the live refunds and caps their sum",
        "bookings/models/guards.py",
        '    "refund_add_up_new": f"AFTER INSERT ON bookings_refund {_SQLITE_ADD_UP}",\n',
        "",
        "tests/test_refund_cap.py",
    ),
    Guard(
        "M09", "What is unsent gives way to money that went back another way",
        f"{ENGINE}/reconciling.py",
        "voided = make_room(payment, rows, now=now) if more else 0",
        "voided = 0",
        "tests/test_refund_external.py::test_m09_a_full_refund_outside_voids_ours_before_it_is_sent",
    ),
    Guard(
        "M09", "More back than came in: staff is told (I7)",
        f"{ENGINE}/reconciling.py",
        "        tell_if_too_much(payment, now=now)\n    return voided",
        "    return voided",
        "tests/test_refund_external.py"
        "::test_m09_a_fact_beyond_the_cap_is_written_down_and_staff_is_told_once",
    ),
    Guard(
        "M10", "An answer is written only to the row that was read (fencing)",
        f"{ENGINE}/answers.py",
        "{row.pk for row in refunds if _as_it_was(row) in locked}",
        "{row.pk for row in refunds}",
        "tests/test_refunds.py::test_an_answer_that_comes_after_the_lease_is_not_written",
    ),
    Guard(
        "M10", "also in a batch",
        f"{ENGINE}/answers.py",
        "            if refund.pk in unchanged\n",
        "            if fresh\n",
        "tests/test_refund_driving.py"
        "::test_in_a_batch_only_rows_that_are_as_they_were_read_are_written",
    ),
    Guard(
        "M11", "Accepted refunds are polled",
        f"{ENGINE}/answers.py",
        '"next_attempt_at": now + _poll_wait(refund, now=now),\n        "accepted_at"',
        '"next_attempt_at": None,\n        "accepted_at"',
        "tests/test_refunds_over_http.py::test_m11_polls_alone_see_the_refund_arrive",
    ),
    Guard(
        "M11", "and compared with the provider's list every day",
        "bookings/sweeps.py",
        "refunds.reconcile(some, now=now, seconds=COMPARED_WITHIN)",
        "pass",
        "tests/test_refund_external.py::test_m11_without_webhooks_the_sweeps_alone_find_everything",
    ),
    Guard(
        "M12", "A late failure reverses, and says so",
        f"{ENGINE}/answers.py",
        '    RefundState.REVERSED: "refund_reversed",\n',
        "",
        "tests/test_refund_external.py::test_m12_a_late_failure_is_loud_and_frees_the_money",
    ),
    Guard(
        "M13", "Ten days with the bank alert staff",
        f"{ENGINE}/answers.py",
        "return refund.accepted_at is not None and now - refund.accepted_at >= timing.SLOW_BANK",
        "return False",
        "tests/test_refund_external.py"
        "::test_m13_ten_days_with_the_bank_tells_staff_once_and_sends_nothing",
    ),
    Guard(
        "M13", "also when nobody can be asked meanwhile",
        f"{ENGINE}/answers.py",
        '"next_attempt_at": now + wait,\n            **_with_the_bank(refund, answer, now=now),',
        '"next_attempt_at": now + wait,\n            "last_answer": answer.message,',
        "tests/test_refund_ways_out.py::test_accepted_and_never_heard_of_again",
    ),
    Guard(
        "M13", "and when staff was told of something else before",
        f"{ENGINE}/answers.py",
        '{"alerted_at": None} if is_new',
        "{} if is_new",
        "tests/test_refund_ways_out.py"
        "::test_accepted_after_an_alarm_and_never_heard_of_again",
    ),
    Guard(
        "M13", "A person may close it then",
        f"{ENGINE}/staff.py",
        "            if answers.is_slow(refund, now=now):\n                return None\n",
        "",
        "tests/test_refund_ways_out.py::test_accepted_and_never_heard_of_again",
    ),
    Guard(
        "M14", "A refusal because of what nobody lists yet is not believed",
        "bookings/gateways/stripe.py",
        'if code == "charge_already_refunded":',
        "if False:",
        "tests/test_gateway_answers.py"
        "::test_m14_refunded_by_whom_no_list_shows_yet_is_no_refusal",
    ),
    Guard(
        "M14", "nor one that Razorpay's payment explains, but no list",
        "bookings/gateways/razorpay.py",
        'if behind := if_behind(listed, payment["amount_refunded"] or 0):',
        "if behind := None:",
        "tests/test_gateway_answers.py"
        "::test_m14_refunded_by_whom_no_list_shows_yet_is_no_refusal",
    ),
    Guard(
        "M14", "What came to nothing while its money took another way can be closed",
        f"{ENGINE}/staff.py",
        "if refund.payment.refundable_minor < refund.amount_minor:",
        "if False:",
        "tests/test_refund_ways_out.py::test_declined_while_its_money_went_another_way",
    ),
    Guard(
        "M14", "A definite no ends it",
        f"{ENGINE}/answers.py",
        '"next_attempt_at": None,\n        "finished_at"',
        '"next_attempt_at": now,\n        "finished_at"',
        "tests/test_refund_outage.py::test_m14_a_definite_no_is_told_and_never_asked_again",
    ),
    Guard(
        "M15", "An open dispute holds what is unsent",
        f"{ENGINE}/reconciling.py",
        "            hold_unsent(payment_id, holds.DISPUTE, now=now)\n",
        "            pass\n",
        "tests/test_disputes.py"
        "::test_m15_an_open_dispute_holds_what_is_unsent_and_winning_lets_it_go",
    ),
    Guard(
        "M15", "also one that opens while a driver looks",
        f"{ENGINE}/sending.py",
        "        payment__is_disputed=False,\n",
        "",
        "tests/test_disputes.py"
        "::test_m15_a_dispute_that_opens_while_a_driver_looks_stops_it",
    ),
    Guard(
        "M15", "A lost dispute that is listed as a refund counts once",
        f"{ENGINE}/reconciling.py",
        'LISTS_LOST_ONES = ("razorpay",)',
        "LISTS_LOST_ONES = ()",
        "tests/test_disputes.py"
        "::test_m15_a_lost_dispute_counts_as_returned_and_is_not_paid_again",
    ),
    Guard(
        "M15", "and counts before it is listed",
        f"{ENGINE}/reconciling.py",
        "return sum(amounts) + (0 if is_listed else lost)",
        'return sum(amounts) + (0 if payment.provider == "razorpay" else lost)',
        "tests/test_disputes.py"
        "::test_a_lost_dispute_is_counted_before_any_list_shows_it",
    ),
    Guard(
        "M15", "An event only names a dispute: the provider is asked",
        f"{ENGINE}/reconciling.py",
        "found = _ask(gateway, payment, dispute_id)\n        # One",
        'found = Dispute(frozenset(), "open", None)\n        # One',
        "tests/test_disputes.py"
        "::test_an_old_event_is_not_believed_over_what_the_provider_says_now",
    ),
    Guard(
        "M15", "While nobody can be asked, what is unsent waits",
        f"{ENGINE}/reconciling.py",
        "if may_take_money:",
        "if False:",
        "tests/test_disputes.py::test_while_nobody_can_be_asked_what_is_unsent_waits",
    ),
    Guard(
        "M16", "Nothing to refund is no refund",
        "bookings/lifecycle/ending.py",
        'if event.data["refund_minor"]',
        "if True",
        "tests/test_refund_outage.py::test_m16_a_free_call_ends_without_a_refund_row",
    ),
    Guard(
        "M17", "Minor units pass unchanged, whatever the currency",
        "bookings/gateways/stripe.py",
        '"amount": request.amount_minor,',
        '"amount": request.amount_minor // 100 * 100,',
        "tests/test_refunds_over_http.py::test_m17_other_currencies",
    ),
    Guard(
        "M17", "What a provider counts in other units is not sent",
        f"{ENGINE}/sending.py",
        " and not _is_left_to_staff(refund, now=now)\n",
        "\n",
        "tests/test_refund_currencies.py::test_a_refund_that_would_be_a_hundredth_is_not_sent",
    ),
    Guard(
        "M17", "nor added to our amounts",
        f"{ENGINE}/reconciling.py",
        "if not is_counted_alike(payment.provider, payment.currency):",
        "if False:",
        "tests/test_refund_currencies.py"
        "::test_staff_pays_it_in_the_dashboard_and_records_that",
    ),
    Guard(
        "M17", "nor imported",
        "bookings/imports/lines.py",
        "if why := why_not(call.provider, call.price_minor, call.currency):",
        'if why := "":',
        "tests/test_import_bookings.py"
        "::test_a_payment_whose_refund_would_be_another_amount_is_refused",
    ),
    Guard(
        "M18", "The request is frozen when it is planned",
        f"{ENGINE}/planning.py",
        "idempotency_key=refund.idempotency_key, **refund.request)",
        'idempotency_key=refund.idempotency_key, '
        '**{**refund.request, "amount_minor": refund.booking.price_minor})',
        "tests/test_refund_keys.py::test_m18_what_is_sent_again_is_word_for_word_the_same",
    ),
    Guard(
        "M19", "After 23 hours it is only looked for",
        f"{ENGINE}/sending.py",
        "if refund.first_sent_at and self.now - refund.first_sent_at > timing.KEY_LIFE:",
        "if False:",
        "tests/test_refund_keys.py"
        "::test_m19_an_old_refund_is_only_looked_for_and_then_a_person_is_asked",
    ),
    Guard(
        "M19", "twice, ten minutes apart, before a person is asked",
        f"{ENGINE}/answers.py",
        "is_second = now - since >= timing.SECOND_LOOK",
        "is_second = True",
        "tests/test_refund_keys.py"
        "::test_m19_an_old_refund_is_only_looked_for_and_then_a_person_is_asked",
    ),
    Guard(
        "M19", "and whatever the trouble is, that person may close it",
        f"{ENGINE}/staff.py",
        "if refund.absent_at is not None or answers.is_old(refund, now=now):",
        "if refund.absent_at is not None:",
        "tests/test_refund_ways_out.py"
        "::test_of_a_trouble_that_never_ends_a_person_makes_an_end",
    ),
    Guard(
        "M19", "but not before",
        f"{ENGINE}/staff.py",
        "if refund.absent_at is not None or answers.is_old(refund, now=now):",
        "if True:",
        "tests/test_refund_ways_out.py"
        "::test_before_a_day_is_over_nobody_calls_it_paid_that_may_have_been_paid",
    ),
    Guard(
        "M20", "A payment its provider does not know is left to a person at once",
        f"{ENGINE}/answers.py",
        "        case Doubt.NO_SUCH_PAYMENT | Doubt.NOT_LISTED:\n",
        "        case Doubt.NOT_LISTED:\n",
        "tests/test_refund_unknown_payments.py"
        "::test_a_person_is_told_why_and_may_close_it_at_once",
    ),
    Guard(
        "M20", "until it is sent again: then it may have been paid",
        f"{ENGINE}/sending.py",
        "        absent_at=None,\n        next_attempt_at",
        "        next_attempt_at",
        "tests/test_refund_unknown_payments.py"
        "::test_a_driver_that_dies_with_it_leaves_no_leave_to_close_it",
    ),
    Guard(
        "M20", "A charge without a card is asked for as a charge",
        "bookings/gateways/stripe.py",
        'return not ref.startswith("pi_")',
        'return ref.startswith("ch_")',
        "tests/test_refund_unknown_payments.py::test_stripe_is_asked_for_a_charge_by_that_name",
    ),
    Guard(
        "M20", "A reference by which nobody can refund is not imported",
        "bookings/imports/lines.py",
        "elif why := why_no_reference(call.provider, call.payment_ref):",
        'elif why := "":',
        "tests/test_import_bookings.py::test_a_reference_by_which_nobody_can_refund_is_refused",
    ),
    Guard(
        "I2", "What is not listed at the first look alarms nobody",
        f"{ENGINE}/reconciling.py",
        "    if now - refund.absent_at < timing.SECOND_LOOK:\n        return False\n",
        "",
        "tests/test_refund_missed.py::test_a_webhook_that_overtakes_the_list_alarms_nobody",
    ),
    Guard(
        "I2", "and there is a second look soon",
        f"{ENGINE}/reconciling.py",
        "sooner = sooner or timing.SECOND_LOOK",
        "pass",
        "tests/test_refund_missed.py::test_a_list_that_is_behind_alarms_nobody",
    ),
    Guard(
        "M20", "Wrong keys are no refusal",
        "bookings/gateways/stripe.py",
        "        Status.UNKNOWN,\n        message=message[:400],",
        "        Status.DECLINED,\n        message=message[:400],",
        "tests/test_refunds_over_http.py::test_m20_wrong_keys_wait_for_right_ones",
    ),
    Guard(
        "M21", "The first answer after an outage wakes the others",
        f"{ENGINE}/sending.py",
        "fan_out.together(partial(_wake_waiting, now=self.now), sorted(heard - self.awake))",
        "pass",
        "tests/test_refund_outage.py"
        "::test_m21_all_are_done_soon_after_the_provider_is_back_and_none_twice",
    ),
    Guard(
        "M21", "and somebody asks every few minutes",
        "bookings/sweeps.py",
        "staff.tell_of_old, sending.probe, _compare_some",
        "staff.tell_of_old, _compare_some",
        "tests/test_refund_outage.py::test_m21_a_single_refund_need_not_wait_for_its_hour",
    ),
    Guard(
        "M22", "The breaker holds what is unusually much",
        f"{ENGINE}/planning.py",
        "    if room > 0:\n",
        "    if True:\n",
        "tests/test_refund_holds.py"
        "::test_m22_the_breaker_stops_a_mass_refund_and_staff_lets_it_go_on",
    ),
    Guard(
        "M23", "A refund by hand is not forgotten",
        "bookings/sweeps.py",
        "_hold_restored, staff.tell_of_old, sending",
        "_hold_restored, sending",
        "tests/test_refund_holds.py::test_m23_a_refund_by_hand_that_nobody_pays_is_told_once",
    ),
    Guard(
        "M24", "REFUNDS_HOLD holds everything",
        f"{ENGINE}/holds.py",
        "if not settings.REFUNDS_HOLD:",
        "if True:",
        "tests/test_refund_holds.py"
        "::test_m24_a_restored_database_sends_nothing_until_staff_lets_go",
    ),
    Guard(
        "M24", "After a hold the list is asked before the first try, too",
        f"{ENGINE}/sending.py",
        " and refund.alerted_at is None",
        "",
        "tests/test_refund_holds.py::test_m24_released_without_reconcile_it_is_still_found",
    ),
    Guard(
        "M24", "and where the provider may have forgotten the key",
        f"{ENGINE}/sending.py",
        " or now - refund.created_at >= timing.KEY_LIFE",
        "",
        "tests/test_refund_driving.py"
        "::test_m24_when_the_key_may_be_forgotten_the_list_is_read_before_the_first_try",
    ),
    Guard(
        "M12", "and after a retry by staff",
        f"{ENGINE}/sending.py",
        " and refund.epoch == 1",
        "",
        "tests/test_refund_driving.py::test_m12_a_retry_by_staff_reads_the_list_first",
    ),
    Guard(
        "M24", "A refund of ours that we do not know counts as returned",
        f"{ENGINE}/reconciling.py",
        "            amounts.append(entry.amount_minor)",
        "            amounts.append(0 if entry.refund_uuid else entry.amount_minor)",
        "tests/test_refund_holds.py"
        "::test_m24_a_refund_the_backup_does_not_know_makes_the_new_one_void",
    ),
    Guard(
        "M25", "Nonsense is no answer, whatever exception it causes",
        f"{ENGINE}/sending.py",
        "except Exception as error:  # an exception is no answer",
        "except ConnectionError as error:  # an exception is no answer",
        "tests/test_refund_outage.py::test_m25_nonsense_is_no_answer_and_is_kept_short",
    ),
)  # fmt: skip


BOUGHT = tuple(Guard(*row) for row in BUYING)
DUE = tuple(Guard(*row) for row in DUE_WORK)
KEPT_OUT = tuple(Guard(*row) for row in ACCESS)
LET_IN = tuple(Guard(*row) for row in SIGNING_IN)
ALL = (*GUARDS, *BOUGHT, *DUE, *KEPT_OUT, *LET_IN)


def is_seen(guard: Guard, copy: Path) -> bool:
    """Whether its test fails without it."""
    path = copy / guard.path
    text = path.read_text()
    if text.count(guard.code) != 1:
        raise SystemExit(f"{guard.fault}: {guard.path} has not exactly one {guard.code!r}")
    path.write_text(text.replace(guard.code, guard.without))
    try:
        options = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *options, guard.test],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode not in (0, 1):
            raise SystemExit(f"{guard.fault}: {guard.test} did not run:\n{run.stdout[-2000:]}")
        return run.returncode == 1
    finally:
        path.write_text(text)


def table(guards: tuple[Guard, ...]) -> str:
    rows = [
        f"| {guard.fault} | {guard.says} | `{guard.path}` | `{guard.test.removeprefix('tests/')}` |"
        for guard in guards
    ]
    return "\n".join(["| Fault | Guard | In | Test |", "|---|---|---|---|", *rows])


def main(wanted: list[str]) -> int:
    if wanted == ["--table"]:
        print(table(GUARDS), table(BOUGHT), table(DUE), table(KEPT_OUT), table(LET_IN), sep="\n\n")
        return 0
    if unknown := set(wanted) - {guard.fault for guard in ALL}:
        print(f"There is no guard against {', '.join(sorted(unknown))}.\n\n{__doc__}")
        return 2
    blind = 0
    with tempfile.TemporaryDirectory(prefix="topmate-guards-") as name:
        copy = Path(name) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        for guard in ALL:
            if wanted and guard.fault not in wanted:
                continue
            seen = is_seen(guard, copy)
            blind += not seen
            print(f"{'red' if seen else 'STILL GREEN':12}{guard.fault}  {guard.says}", flush=True)
    print("Every guard is seen." if not blind else f"{blind} guards are not seen by their test.")
    return 1 if blind else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
