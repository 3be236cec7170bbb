"""What every test stands on; builders of bookings and people are in builders.py."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from django.test import Client

    from bookings.models import Expert, User
    from tests.provider.running import Provider
    from tests.provider.server import StandIn

# Playwright runs an event loop in the test's thread; Django would refuse the database there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")

CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    """Tests need no collectstatic, no slow password hash and no lock-out of the test client."""
    from django.conf import settings

    from tests import clock

    try:
        clock.check()
    except clock.Unusable as unusable:
        raise pytest.UsageError(str(unusable)) from unusable
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.AXES_ENABLED = False
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        use_own_cache(settings, int(worker.removeprefix("gw")))


def is_in(half: str, file: str) -> bool:
    """Which half a file of tests belongs to: of the check's two runs on SQLite, each has one."""
    return zlib.crc32(file.encode()) % 2 == int(half) - 1


def use_own_cache(settings: Any, number: int) -> None:
    """Tests side by side count forms apart; in memory they do so anyway."""
    cache = settings.CACHES["default"]
    if settings.BROKER_CONFIGURED:
        own = re.sub(r"\d+$", lambda found: str(int(found[0]) + 1 + number), cache["LOCATION"])
        cache["LOCATION"] = own


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from django.conf import settings
    from django.db import connection

    from tests import servers

    reasons = {
        "broker": "" if settings.BROKER_CONFIGURED else "no REDIS_URL; `make test` starts one",
        "postgres": "" if connection.vendor == "postgresql" else "asserts what PostgreSQL does",
        "browser": "",
    }
    if half := os.environ.get("TEST_HALF"):
        others = [item for item in items if not is_in(half, item.path.name)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if is_in(half, item.path.name)]
    if any(item.get_closest_marker("browser") for item in items):
        reasons["browser"] = "" if servers.find_chromium() else "there is no Chromium here"
    # The journeys wait for clocks that run out: whoever plays them begins with them.
    items.sort(key=lambda item: item.path.name != "test_journeys.py")
    for item in items:
        for name, reason in reasons.items():
            if reason and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """SQLite in a file: in memory it has neither WAL nor a second connection."""
    from django.db import connection

    if connection.vendor == "sqlite":
        name = tmp_path_factory.mktemp("database") / "test.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(name)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    from tests import clock, servers

    chromium = servers.find_chromium()
    assert chromium is not None
    flags = [*CHROMIUM_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    own = {"executable_path": chromium.url, "args": flags, "env": clock.real_environment()}
    return {**browser_type_launch_args, **own}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "en-GB", "timezone_id": "Europe/Berlin"}


@pytest.fixture(scope="session")
def browser(browser: Any) -> Any:
    """Under another clock its pages show that one, too."""
    from tests import clock

    if script := clock.page_script():
        new_context = browser.new_context

        def new_context_of_that_time(**options: Any) -> Any:
            context = new_context(**options)
            context.add_init_script(script)
            return context

        browser.new_context = new_context_of_that_time
    return browser


@pytest.fixture(autouse=True)
def forms_are_counted_anew() -> None:
    """Public forms are limited by what is counted in the cache, from one address all of them."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def at_now() -> Iterator[None]:
    """The clock stands at NOW, for pages that show what the builders made then."""
    import time_machine

    from tests.builders import NOW

    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def maya(db: None) -> Expert:
    from tests.builders import make_expert

    return make_expert(email="maya@example.com")


@pytest.fixture
def desk(client: Client, maya: Expert) -> Client:
    """Maya's browser, signed in."""
    client.force_login(maya.user)
    return client


@pytest.fixture
def staff(client: Client) -> User:
    """Staff, signed in."""
    from tests.builders import make_staff

    user = make_staff("staff@example.com")
    client.force_login(user)
    return user


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def unguarded_flush(django_db_setup: None) -> Iterator[None]:
    """Tables are emptied after a transactional test, by DELETE on SQLite and by TRUNCATE on
    PostgreSQL; the guards refuse both."""
    from django.db import connection

    from bookings.models import guards

    is_sqlite = connection.vendor == "sqlite"
    put_off, put_on = (
        (guards.remove, guards.install)
        if is_sqlite
        else (guards.allow_truncate, guards.refuse_truncate)
    )
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def flush_without_guards(self: Any, sql_list: list[str]) -> None:
        put_off(connection)
        flush(self, sql_list)
        put_on(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush_without_guards)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_clock_to_travel_with(django_db_setup: None) -> Iterator[None]:
    """A test that travels in time takes this process along, and not the database: here both have
    one clock. The tests of `database_time` take the real ones; see tests/clocks_apart.py."""
    from django.utils import timezone

    from bookings import database_time

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_time, "now", lambda: timezone.now())
        patch.setattr(database_time, "read", lambda: timezone.now())
        patch.setattr(database_time, "remember", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_watches(django_db_setup: None) -> None:
    """A test that calls the WSGI application would start the thread that looks at the site, which
    asks the database while other tests have it. Those of `watch` call it themselves."""
    from topmate import watch

    watch._process = os.getpid()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Any]:
    """The whole site as `make run` starts it; see tests/house.py."""
    from tests.house import House, new_page

    house = House(tmp_path_factory.mktemp("house"))
    house.start()
    try:
        yield house
        house.look_back(new_page(browser, scripts=True))
    finally:
        house.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    """The stand-in of both payment providers, over HTTP."""
    from tests.provider.running import running

    with running() as server:
        yield server


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    """One provider after the other, and the site's keys for it."""
    from tests.engine import connect

    return connect(server, request.param, settings)


@pytest.fixture(autouse=True)
def everything_is_kept() -> Iterator[None]:
    """A statement that falls back to the ORM is right but slow, and no other test would see it."""
    from bookings.database import kept_statements

    reported = kept_statements.reported
    before = len(reported)
    yield
    assert reported[before:] == []


@pytest.fixture
def surprises(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What surprised the kept statements; in this test it may."""
    from bookings.database import kept_statements

    reported: list[Exception] = []
    monkeypatch.setattr(kept_statements, "reported", reported)
    return reported
