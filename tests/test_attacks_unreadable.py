"""Requests that cannot be read are refused with all headers, on every address; what only decorates
a request is left out; and no log shows a private link."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as in_force
from django.test import Client
from django.utils import timezone
from gunicorn.config import Config

from bookings import links
from bookings.models import Booking, Expert
from bookings.states import State
from tests.builders import make_in_state
from tests.raw_requests import Raw, ask
from tests.test_security_headers import EXPECTED
from topmate import logs
from topmate.logs_of_gunicorn import MaskedLogger

pytestmark = pytest.mark.django_db
UNREADABLE = [
    *(f"application/x-www-form-urlencoded; charset={name}" for name in (
        "zlib", "idna", "rot13", "hex", "quopri", "base64", "bz2", "uu", "punycode", "undefined",
        "unicode_escape", "utf-7", "utf-16", "cp037", "no-such-thing", "", '"', "a" * 300, "\xe9",
    )),
    "multipart/form-data; boundary=x; charset=zlib",
    "a/b; charset*=zlib''x",
    "a/b; charset*=utf-8''zlib",
    "a/b; charset*0*=zl; charset*1=ib",
    "a/b; anything*=no-such-thing'en'x",
    "a/b; anything*=idna''%ff",
    'multipart/form-data; boundary="fr\xf6ntier"',
    "a/b; charset=utf-8; charset=zlib",
]  # fmt: skip
READABLE = [
    "",
    "application/json",
    "application/json; charset=utf-8",
    'text/plain; charset="UTF-8"',
    "application/x-www-form-urlencoded;charset=utf-8",
    "text/plain; charset=ISO-8859-1",
    "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
]


@pytest.fixture
def booking() -> Booking:
    return make_in_state(State.RESCHEDULE_OFFERED, now=timezone.now())


@pytest.fixture
def token(booking: Booking) -> str:
    return links.token(links.ensure(booking, "pick", now=timezone.now()))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What our own handler writes while the test runs."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.MaskedFormatter("{levelname} {name}: {message}", style="{"))
    handler.addFilter(logs.without_traceback)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def refused_with_all_headers(answer: Raw) -> bool:
    found = {name: answer.headers.get(name.lower()) for name in EXPECTED}
    return answer.status == 400 and found == EXPECTED


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_body_in_unknown_characters_is_a_400_with_all_headers(kind: str, token: str) -> None:
    for method in ("GET", "POST", "HEAD", "PUT", "PROPFIND", "TRACE"):
        for target in (f"/pick/{token}/?day=1", "/healthz", "/static/app.css", "/no/such/page"):
            answer = ask(method, target, [("Content-Type", kind)], b"a=b")
            assert refused_with_all_headers(answer), (method, target, answer.status)


@pytest.mark.parametrize("kind", READABLE)
def test_what_browsers_and_providers_send_is_read(kind: str, token: str) -> None:
    answer = ask("GET", f"/pick/{token}/?day=1", [("Content-Type", kind)])
    assert answer.status == 200


def test_the_page_that_says_so_is_ours(token: str) -> None:
    answer = ask("GET", f"/pick/{token}/?a=1", [("Content-Type", "a/b; charset=zlib")])
    assert "Nothing was changed" in answer.text


def test_no_log_shows_the_link_that_was_asked_for(token: str, log: io.StringIO) -> None:
    for kind in ("a/b; charset=zlib", "a/b; x*=nothing'en'y"):
        ask("POST", f"/pick/{token}/?a=1", [("Content-Type", kind)], b"x")
    ask("GET", f"/no/such/pick/{token}/")
    ask("GET", f"/PICK/{token}/")
    ask("GET", f"/sign-in/?next=%2Fpick%2F{token}%2F", [("Host", f"{token}.example")])
    ask("POST", f"/pick/{token}/", [("Origin", "http://evil.example")])
    assert "cannot be read: /pick/***" in log.getvalue()
    assert token not in log.getvalue()
    assert "Traceback" not in log.getvalue(), "a visitor's nonsense is no fault of ours"


@pytest.mark.parametrize(
    "written",
    ["{0}", "/pick/{0}/", "/status//{0}/", "/CONTEST/{0}", "%2Fpick%2F{0}%2F", "%252fpick%252f{0}",
     "?next=/report/{0}/&x=1", "https://calls.example/pick/{0}/slots/", "key={0}"],
)  # fmt: skip
def test_a_link_is_masked_however_it_is_written(written: str, token: str) -> None:
    line = f"something about {written.format(token)} happened"
    assert token not in logs.mask_links(line)
    assert token.split(".")[0] not in logs.mask_links(line)


def test_the_web_server_masks_its_own_lines(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config()
    config.set("accesslog", "-")
    logger = MaskedLogger(config)
    try:
        raise LookupError(f"of /pick/{token}/")
    except LookupError:
        logger.exception("Error handling request %s %s", "GET", f"/pick/{token}/?a=1")
    logger.warning("Invalid request from ip=::1: Invalid HTTP Version 'GET /pick/%s'", token)
    logger.access_log.info('%(r)s "%(f)s"', {"r": f"GET /pick/{token}/ HTTP/1.1", "f": token})
    written = "".join(capsys.readouterr())
    assert "Error handling request GET /pick/***" in written
    assert "Traceback" in written
    assert token not in written


def test_the_web_server_is_started_with_it(root: Any) -> None:
    found: dict[str, Any] = {}
    exec((root / "gunicorn.conf.py").read_text(), found)
    config = Config()
    config.set("logger_class", found["logger_class"])
    assert config.logger_class is MaskedLogger


@pytest.mark.parametrize(
    "target",
    [
        f"/need-action/?q={'x' * 9000}",
        f"/completed-calls/?a=1&q={'%C3%A9' * 2000}",
        f"/sign-in/?next={'%3C' * 3000}",
        f"/{'x' * 9000}/",
    ],
    ids=["a search", "letters", "signs", "a path"],
)
def test_an_address_longer_than_any_of_ours_is_refused(desk: Client, target: str) -> None:
    """A page that repeats it would cost a hundred times of what it costs else."""
    answer = desk.get(target)
    assert answer.status_code == 400
    assert len(answer.content) < 5000
    assert desk.get(target[:7000]).status_code != 400


# --- what only decorates a request -----------------------------------------------------------

NO_ADDRESSES = ["http://[", "http://]", "http://[::1", "http://[v1.x]/", "//[", "https://[x]/y",
                "http://[fe80::1%25]/", "x", "", "http://xn--/", "javascript:1"]  # fmt: skip


@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_a_page_that_asks_from_no_address_is_sent_to_sign_in(value: str) -> None:
    for name in ("HX-Current-URL", "Referer"):
        asked = [("HX-Request", "true"), (name, value)]
        answer = ask("GET", "/need-action/", asked)
        assert answer.status == 200
        assert answer.headers["hx-redirect"].startswith("/sign-in/?next=")


def test_an_address_that_only_breaks_when_it_is_decoded_is_left_out(maya: Expert) -> None:
    asked = [("HX-Request", "true"), ("HX-Current-URL", "http://%5B"),
             ("HX-Current-URL-URI-AutoEncoded", "true")]  # fmt: skip
    assert ask("GET", "/need-action/", asked).headers["hx-redirect"].startswith("/sign-in/")


def test_the_page_that_asked_is_gone_back_to_after_signing_in(settings: Any) -> None:
    asked = [("HX-Request", "true"), ("HX-Current-URL", "http://127.0.0.1/upcoming/?q=a")]
    answer = ask("GET", "/need-action/", asked)
    assert answer.headers["hx-redirect"] == "/sign-in/?next=/upcoming/%3Fq%3Da"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Origin", value) for value in NO_ADDRESSES),
        *(("Referer", value) for value in NO_ADDRESSES),
        ("Cookie", f'{in_force.SESSION_COOKIE_NAME}="\\000aaaaaaaaaaaa"'),
        ("Cookie", f'{in_force.CSRF_COOKIE_NAME}="\\000"; tz="\\000"; theme="\\012"'),
        ("Cookie", "\xff=\xff; =; ;;"),
        ("Cookie", f"{in_force.DEVICE_COOKIE_NAME}=a:b:c; messages=x:y:z"),
        ("Accept-Language", "de-" * 300),
        ("Range", "bytes=" + "9" * 400 + "-"),
        ("If-Modified-Since", "Mon, 99 Foo 9999 99:99:99 GMT"),
        ("If-None-Match", 'W/"'),
        ("X-Forwarded-For", "fe80::1%eth0, x"),
        ("X-Forwarded-Proto", "\xff"),
        ("Content-Length", "x"),
    ],
)
def test_other_broken_headers_change_nothing(name: str, value: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for target in ("/", "/sign-in/", "/static/app.css", "/time-zones/", "/need-action/"):
        assert ask("GET", target, [(name, value)]).status in (200, 206, 302, 304, 404, 416), target
        assert ask("POST", target, [(name, value)]).status in (302, 400, 403, 404, 405), target


def test_a_session_is_not_looked_for_by_a_name_with_a_nul(client: Client, maya: Expert) -> None:
    client.cookies[in_force.SESSION_COOKIE_NAME] = "\x00" + "a" * 31
    assert client.get("/need-action/").status_code == 302
