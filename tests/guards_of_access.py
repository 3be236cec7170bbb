"""Guards against visitors who mean no good, for tests/guards.py; the letters stand for the attack:
A01 what cannot be read, A02 long texts, A03 passwords, A04 forms without a count, A05 staff's
addresses, A06 a site others can reach, A07 what is kept and logged, A08 forms of another site."""

from __future__ import annotations

_READING = "topmate/middleware.py"
_LIMITS = "bookings/rate_limits.py"
_UNREADABLE = "tests/test_attacks_unreadable.py"
_PASSWORDS = "tests/test_attacks_wrong_passwords.py"
_PUBLIC = "tests/test_public_settings.py::test_what_only_a_demo_may_have_is_refused"

ACCESS: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "A01", "A body in characters nobody sends is refused before it is read",
        _READING,
        'if not is_readable(request.META.get("CONTENT_TYPE", "")):',
        "if False:",
        f"{_UNREADABLE}::test_a_body_in_unknown_characters_is_a_400_with_all_headers",
    ),
    (
        "A01", "and so is an address that is longer than any of ours",
        _READING,
        'if len(request.path) + len(request.META.get("QUERY_STRING", "")) > LONGEST_ADDRESS:',
        "if False:",
        f"{_UNREADABLE}::test_an_address_longer_than_any_of_ours_is_refused",
    ),
    (
        "A01", "A header that is no address is left out",
        _READING,
        '        del request.META["HTTP_HX_CURRENT_URL"]\n',
        "        pass\n",
        f"{_UNREADABLE}::test_a_page_that_asks_from_no_address_is_sent_to_sign_in",
    ),
    (
        "A02", "The length of a text is looked at before anything that takes longer with it",
        "bookings/forms/fields.py",
        "if len(text) > COMPOSED_OF * longest:",
        "if False:",
        "tests/test_plain_text.py",
    ),
    (
        "A03", "Wrong passwords are limited by account and network",
        _LIMITS,
        'limits = {"both": OF_BOTH, "account": OF_ACCOUNT}',
        'limits = {"account": OF_ACCOUNT}',
        f"{_PASSWORDS}::test_one_account_from_one_address",
    ),
    (
        "A03", "by account",
        _LIMITS,
        'limits = {"both": OF_BOTH, "account": OF_ACCOUNT}',
        'limits = {"both": OF_BOTH}',
        f"{_PASSWORDS}::test_one_account_from_many_networks",
    ),
    (
        "A03", "by network",
        _LIMITS,
        'limits["network"] = OF_NETWORK',
        "pass",
        f"{_PASSWORDS}::test_many_accounts_from_one_address",
    ),
    (
        "A03", "and never those of a device that was signed in on before",
        _LIMITS,
        "    if _device(request, account):\n        return False\n",
        "",
        f"{_PASSWORDS}::test_a_known_device_is_not_kept_out",
    ),
    (
        "A03", "A password the manual prints lets nobody in",
        "bookings/views/accounts.py",
        'if printed_passwords.opens_nothing(self.cleaned_data.get("password", "")):',
        "if False:",
        "tests/test_attacks_printed_password.py"
        "::test_nor_with_an_account_that_has_taken_it_over",
    ),
    (
        "A03", "also in a session of the days of the demo",
        "bookings/signed_in.py",
        "printed_passwords.lets_in(user)",
        "True",
        "tests/test_attacks_printed_password.py::test_a_session_of_the_days_of_the_demo_is_over",
    ),
    (
        "A04", "While nothing can be counted, no public form is taken",
        "bookings/rate_limits.py",
        "        raise CannotCount(name) from error\n",
        "        return 0\n",
        "tests/test_attacks_without_cache.py::test_nothing_is_bought_and_the_form_says_so",
    ),
    (
        "A05", "A list of staff is narrowed by its own filters only",
        "bookings/admin/base.py",
        "return lookup in _asked_by(self.list_filter)",
        "return True",
        "tests/test_attacks_admin_queries.py::test_a_list_is_narrowed_by_its_own_filters_only",
    ),
    (
        "A05", "An address is changed by staff for a reason only",
        "bookings/admin/people.py",
        'if self.has_new_address and not data.get("reason") and "reason" not in self.errors:',
        "if False:",
        "tests/test_accounts_changed_by_staff.py::test_a_new_address_needs_a_reason",
    ),
    (
        "A05", "and the old one is told",
        "bookings/admin/people.py",
        "            form.tell_both_addresses()\n",
        "            pass\n",
        "tests/test_accounts_changed_by_staff.py::test_it_is_told_to_the_old_one_and_to_the_new_one",
    ),
    (
        "A06", "A site others can reach does not sell by the sandbox",
        "topmate/services.py",
        'if is_public and not has_keys and wish != "none":',
        "if False:",
        _PUBLIC,
    ),
    (
        "A06", "has a key nobody can guess",
        "topmate/private_files.py",
        "if is_public and is_poor(given):",
        "if False:",
        _PUBLIC,
    ),
    (
        "A06", "and shows no secrets",
        "topmate/settings.py",
        "if IS_PUBLIC and DEBUG:",
        "if False:",
        _PUBLIC,
    ),
    (
        "A07", "What the site writes is readable by its own user only",
        "topmate/private_files.py",
        "    os.umask(FOR_OTHERS)\n",
        "",
        "tests/test_private_files.py",
    ),
    (
        "A07", "Who signed in from where is in the log",
        "bookings/signed_in.py",
        '    logger.info("user %s (%s) signed in from %s",',
        '    logger.debug("user %s (%s) signed in from %s",',
        f"{_PASSWORDS}::test_a_sign_in_is_logged_with_who_and_from_where",
    ),
    (
        "A08", "Another site puts no words into a form of ours",
        "bookings/views/errors.py",
        'is_ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"',
        "is_ours = True",
        "tests/test_unsent.py::test_another_site_puts_no_words_into_a_form",
    ),
    (
        "A08", "What was typed waits for its own page",
        "bookings/unsent.py",
        ' or kept["path"] != request.path',
        "",
        "tests/test_unsent.py::test_it_waits_for_its_own_page",
    ),
    (
        "A08", "for half an hour",
        "bookings/unsent.py",
        "salt=COOKIE, max_age=KEPT_FOR) if value",
        "salt=COOKIE) if value",
        "tests/test_unsent.py::test_half_an_hour_later_it_is_gone",
    ),
    (
        "A08", "and a password is never kept",
        "bookings/unsent.py",
        'NEVER_KEPT = ("csrf", "password", "request_key")',
        'NEVER_KEPT = ("csrf", "request_key")',
        "tests/test_unsent.py::test_a_password_is_never_kept",
    ),
)  # fmt: skip
