"""Guards of what is due: by which clock, past which rows, and after which restore. As in
guards_of_buying.py: fault, what it says, file, code, what stands there without it, test."""

from __future__ import annotations

_TIME = "tests/test_database_time.py"
_ALARMS = "tests/test_alarms.py"
_REFUNDS = "tests/test_refunds_set_aside.py"
_BOOKINGS = "tests/test_set_aside.py"
_RESTORED = "tests/test_restore_runbook.py"

DUE_WORK: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "T01", "A process whose clock is not the database's does nothing that is due",
        "bookings/clock_check.py",
        "    if found.agrees:\n",
        "    if True:\n",
        f"{_TIME}::test_a_sweep_with_a_wrong_clock_does_nothing_but_raise_the_alarm",
    ),
    (
        "T01", "neither do its tasks",
        "bookings/tasks.py",
        "    if now := clock_check.time_to_act():\n        mails = OutboxEmail",
        "    if now := __import__('django.utils.timezone').utils.timezone.now():\n"
        "        mails = OutboxEmail",
        f"{_TIME}::test_no_task_of_a_worker_with_a_wrong_clock_does_anything",
    ),
    (
        "T01", "Clicks and pages go by the database's time",
        "bookings/database_time.py",
        "        last = _keep(read())\n",
        "        last = _keep(timezone.now())\n",
        f"{_TIME}::test_a_click_near_the_deadline_is_judged_by_the_databases_time",
    ),
    (
        "T01", "Staff is told once for an outage",
        "bookings/clock_check.py",
        "is_known = not is_new and is_lately(beat.finished_at, now)",
        "is_known = False",
        f"{_TIME}::test_an_outage_is_told_once_and_the_next_one_again",
    ),
    (
        "T01", "The deep probe is red where a clock is wrong",
        "bookings/figures.py",
        "is_clock_wrong=not found.agrees\n"
        "        or (wrong is not None and clock_check.is_lately(wrong, now)),",
        "is_clock_wrong=False,",
        f"{_TIME}::test_the_deep_probe_is_red_where_a_clock_is_wrong",
    ),
    (
        "T01", "and takes no age that cannot be",
        "bookings/figures.py",
        "if not -MOST_AHEAD <= age <= LONGEST_AGE:",
        "if False:",
        f"{_TIME}::test_an_age_that_cannot_be_is_no_age",
    ),
    (
        "T02", "On SQLite a clock that was set since the last sweep is seen",
        "bookings/database_time.py",
        "return beat.finished_at + timedelta(seconds=uptime - then)",
        "return process",
        f"{_TIME}::test_sqlite_a_clock_that_was_set_since_the_last_sweep_is_seen",
    ),
    (
        "T02", "and after a start of the machine one that is behind",
        "bookings/database_time.py",
        "return max(process, beat.finished_at)",
        "return process",
        f"{_TIME}::test_sqlite_after_a_start_of_the_machine_only_a_clock_that_is_behind_is_seen",
    ),
    (
        "O01", "Workers that are dead are no sign that beat is",
        "bookings/figures.py",
        "    if found.is_late and last and worker and worker - last <",
        "    if False and worker - last <",
        f"{_ALARMS}::test_workers_that_are_dead_are_no_sign_that_beat_is[False]",
    ),
    (
        "O01", "and one that is back is none before beat's next sweep",
        "bookings/alarms.py",
        'settings.SWEEP_EVERY if name == "beat" else timedelta(0)',
        "timedelta(0)",
        f"{_ALARMS}::test_workers_that_are_dead_are_no_sign_that_beat_is[True]",
    ),
    (
        "O01", "Nothing is back because nobody can know how it is",
        "bookings/alarms.py",
        " and name not in hidden:",
        ":",
        f"{_ALARMS}::test_a_worker_is_not_back_because_nobody_can_know",
    ),
    (
        "O01", "What a worker asks for at its start is no sign that beat runs",
        "bookings/sweeps.py",
        'bool(sweep.request.get("celery_beat_task"))',
        "True",
        f"{_ALARMS}::test_a_sweep_that_a_worker_asks_for_is_none_of_beats",
    ),
    (
        "Q05", "A refund that cannot be read word for word waits for a person",
        "bookings/refunds/sending.py",
        "if not is_set_aside(refund, check_words, now=now) and not",
        "if not",
        f"{_REFUNDS}::test_it_waits_for_a_person_and_the_others_are_paid",
    ),
    (
        "Q05", "so does one of a provider that this release does not know",
        "bookings/refunds/sending.py",
        "if not is_set_aside(refund, check_provider, now=self.now)",
        "if True",
        f"{_REFUNDS}::test_an_unknown_provider_is_said_and_what_the_bank_has_stays_there",
    ),
    (
        "Q05", "What was sent is looked for, whatever its frozen request says",
        "bookings/refunds/sending.py",
        "errand.gateway.find(to_look_for(errand.refund), now=self.now)",
        "errand.gateway.find(request_of(errand.refund), now=self.now)",
        f"{_REFUNDS}::test_what_was_sent_is_looked_for_without_its_words",
    ),
    (
        "Q05", "An answer that can never be written is not asked for for ever",
        "bookings/refunds/sending.py",
        "if refund.attempts >= MOST_WRITTEN_IN_VAIN and not is_away:",
        "if False:",
        f"{_REFUNDS}::test_an_answer_that_can_never_be_written_is_left_to_a_person",
    ),
    (
        "Q05", "A call that breaks its word is not made again and again",
        "bookings/fan_out.py",
        "            broken.append(job)\n",
        "            pass\n",
        f"{_REFUNDS}::test_a_driver_that_breaks_its_word_calls_nobody_for_ever",
    ),
    (
        "Q05", "A booking the sweep cannot go on with is set aside",
        "bookings/sweeps.py",
        "        set_aside(pk, step.column, error, now=now)\n",
        "",
        f"{_BOOKINGS}::test_one_whose_limits_cannot_be_read_waits_and_the_others_go_on",
    ),
    (
        "Q05", "and the next sweep is as quick as if it were not there",
        "bookings/sweeps.py",
        "step.due(now, after=last).exclude(pk__in=aside)",
        "step.due(now, after=last)",
        f"{_BOOKINGS}::test_the_next_sweep_is_as_quick_as_if_it_were_not_there",
    ),
    (
        "Q05", "A database that is away sets nobody aside",
        "bookings/sweeps.py",
        "    except (OperationalError, InterfaceError) as error:\n"
        "        logger.error(\n"
        '            "%s: the database did not do it',
        "    except ZeroDivisionError as error:\n"
        "        logger.error(\n"
        '            "%s: the database did not do it',
        f"{_BOOKINGS}::test_a_database_that_is_away_sets_nobody_aside",
    ),
    (
        "M24", "The providers are asked what they refunded since, whatever our rows say",
        "bookings/management/commands/reconcile.py",
        "                self._ask(provider, gateway, clock)\n",
        "                pass\n",
        f"{_RESTORED}::test_what_was_refunded_since_the_backup_is_not_refunded_twice",
    ),
    (
        "M24", "A part of what went back without us is refunded only when it is in addition",
        "bookings/lifecycle/ending.py",
        "    if payment.returned_external_minor:\n",
        "    if False:\n",
        f"{_RESTORED}::test_what_was_refunded_since_the_backup_is_not_refunded_twice",
    ),
    (
        "M24", "and the rest of it waits for a person",
        "bookings/refunds/planning.py",
        "holds.has_lost_ones(payment)",
        "False",
        f"{_RESTORED}::test_the_clock_pays_nothing_of_it_by_itself",
    ),
    (
        "M24", "A provider that does not answer has not said that there is nothing",
        "bookings/management/commands/reconcile.py",
        "                self.failed += 1\n                self.say(",
        "                self.say(",
        f"{_RESTORED}::test_a_provider_that_does_not_answer_is_no_empty_list",
    ),
    (
        "M24", "It looks back at least to the last sweep the database knows of",
        "bookings/management/commands/reconcile.py",
        "        return last - MARGIN\n",
        "        return since\n",
        f"{_RESTORED}::test_it_looks_back_to_the_last_sweep_the_database_knows",
    ),
)  # fmt: skip
