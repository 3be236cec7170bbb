"""Guards of signing in, for tests/guards.py: L01 the second factor, L02 between password and code,
L03 how a session ends, L04 being asked again, L05 which passwords are taken, L06 what is told."""

from __future__ import annotations

_FACTOR = "bookings/second_factor.py"
_WAY = "bookings/signing_in.py"
_PAGES = "bookings/views/security.py"
_OF_FACTOR = "tests/test_second_factor.py"
_OF_SETTING_UP = "tests/test_second_factor_set_up.py"
_OF_SESSIONS = "tests/test_sessions.py"
_OF_ASKING = "tests/test_confirming.py"

SIGNING_IN: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "L01", "Who has a second factor is not signed in by the password",
        _WAY,
        "    if not is_on and not second_factor.is_required_of(user):\n",
        "    if True:\n",
        f"{_OF_FACTOR}::test_after_the_password_comes_the_code",
    ),
    (
        "L01", "A recovery code works once",
        _FACTOR,
        "digest=RecoveryCode.digest_of(code), used_at=None\n",
        "digest=RecoveryCode.digest_of(code)\n",
        f"{_OF_FACTOR}::test_a_recovery_code_works_once_in_any_spelling",
    ),
    (
        "L01", "The code by which an app was set up is used up",
        _FACTOR,
        "key=key, last_t=step)",
        "key=key)",
        f"{_OF_FACTOR}::test_a_code_works_once",
    ),
    (
        "L01", "A right code waits after wrong ones, but not for days",
        "bookings/models/signing_in.py",
        "min(self.throttling_failure_count, self.MOST_FAILURES)",
        "self.throttling_failure_count",
        f"{_OF_FACTOR}::test_after_wrong_codes_even_the_right_one_has_to_wait",
    ),
    (
        "L01", "Of one network only so many codes are looked at",
        _WAY,
        "    except rate_limits.TooOften:\n        return False\n",
        "    except rate_limits.TooOften:\n        pass\n",
        f"{_OF_FACTOR}::test_many_codes_from_one_network_are_not_looked_at",
    ),
    (
        "L01", "Staff of a public site must have it",
        _FACTOR,
        'return settings.SECOND_FACTOR == "staff" and settings.IS_PUBLIC and user.is_staff',
        "return False",
        f"{_OF_SETTING_UP}::test_staff_of_a_public_site_sets_it_up_before_anything_else",
    ),
    (
        "L01", "also in a session that began before it was public",
        "bookings/signed_in.py",
        "second_factor.is_required_of(user) and not session.get(sign_ins.HAS_PASSED)",
        "False",
        f"{_OF_SETTING_UP}::test_a_session_of_staff_without_a_code_ends_on_a_public_site",
    ),
    (
        "L01", "A clerk removes it from nobody with more rights",
        _FACTOR,
        "    if (user.is_staff or user.is_superuser) and not by.is_superuser:\n",
        "    if False:\n",
        f"{_OF_SETTING_UP}::test_staff_does_not_remove_their_own_nor_that_of_people_with_more_rights",
    ),
    (
        "L02", "Whoever waits for a code comes no further once the password has changed",
        _WAY,
        '    if not constant_time_compare(kept["hash"], user.get_session_auth_hash()):\n',
        "    if False:\n",
        f"{_OF_FACTOR}::test_it_closes_when_the_password_changes_meanwhile",
    ),
    (
        "L02", "nor after a quarter of an hour",
        _WAY,
        "    if user is None or database_time.now() - began > LASTS:\n",
        "    if user is None:\n",
        f"{_OF_FACTOR}::test_the_page_for_the_code_closes_after_a_quarter_of_an_hour",
    ),
    (
        "L02", "The password alone does not replace the app",
        _PAGES,
        "    if waiting is None or second_factor.is_on(waiting.user):\n",
        "    if waiting is None:\n",
        f"{_OF_SETTING_UP}::test_who_has_it_set_up_does_not_come_to_that_page_by_the_password_alone",
    ),
    (
        "L02", "A key is set up by whom it was offered to",
        _PAGES,
        "return str(key) if owner == user.pk else None",
        "return str(key)",
        f"{_OF_SETTING_UP}::test_a_key_that_was_offered_to_somebody_else_is_not_taken",
    ),
    (
        "L03", "A session ends by its age",
        "bookings/signed_in.py",
        " or sign_ins.is_over(session, user, now=now)",
        "",
        f"{_OF_SESSIONS}::test_staff_are_signed_out_after_half_an_hour_without_a_visit",
    ),
    (
        "L03", "What a page asks by itself is no visit",
        "bookings/signed_in.py",
        '    if request.headers.get("HX-Trigger") != ASKS_BY_ITSELF:\n',
        "    if True:\n",
        f"{_OF_SESSIONS}::test_the_count_that_an_open_page_asks_for_is_no_visit",
    ),
    (
        "L03", "Nobody ends the session of somebody else",
        "bookings/sign_ins.py",
        "sign_in__pk=pk, sign_in__user=user",
        "sign_in__pk=pk",
        f"{_OF_SESSIONS}::test_nobody_ends_the_session_of_somebody_else",
    ),
    (
        "L03", "A new second factor ends all other sessions",
        "bookings/models/people.py",
        'return f":{self.session_version}" if self.session_version else ""',
        'return ""',
        f"{_OF_SESSIONS}::test_staff_sign_somebody_out_everywhere",
    ),
    (
        "L04", "What is sent in the admin is done ten minutes after signing in at most",
        "bookings/staff_site.py",
        'return request.method == "POST" and not is_harmless',
        "return False",
        f"{_OF_ASKING}::test_later_staff_is_asked_and_nothing_is_lost",
    ),
    (
        "L04", "A password that was typed is put into no page",
        _WAY,
        'NEVER_ASKED_AGAIN = ("csrf", "password")',
        'NEVER_ASKED_AGAIN = ("csrf",)',
        f"{_OF_ASKING}::test_a_page_for_passwords_asks_before_it_is_filled_in",
    ),
    (
        "L04", "A session that is confirmed gets a new key",
        _WAY,
        "    request.session.cycle_key()\n",
        "",
        f"{_OF_ASKING}::test_later_staff_is_asked_and_nothing_is_lost",
    ),
    (
        "L05", "Common passwords are refused",
        "bookings/common_passwords.py",
        "        if is_common(password):\n",
        "        if False:\n",
        "tests/test_common_passwords.py::test_a_common_password_is_refused_in_any_case",
    ),
    (
        "L06", "A sign-in on a new device is told",
        _WAY,
        "    if not is_known and not is_new:\n",
        "    if False:\n",
        f"{_OF_SESSIONS}::test_a_sign_in_on_a_new_device_is_told_in_the_zone_of_its_owner",
    ),
)  # fmt: skip
