"""From an empty folder to the first paid call, and what becomes of it when nobody comes: by what the
console, the pages and the e-mails say alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import clock, smtp_server
from tests.house import PATIENCE_MS, ROOT, House, new_page, open_to_others
from tests.smtp_server import Mailbox, as_read

pytestmark = pytest.mark.browser
ANA, BO, NINA = "ana@example.org", "bo@example.org", "nina@example.org"
PASSWORD = "a call that keeps its promise"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server on this machine, for everybody's e-mails."""
    with smtp_server.running() as mailbox:
        yield mailbox


@pytest.fixture
def empty(tmp_path: Any, mailbox: Mailbox) -> Iterator[House]:
    mails = f"smtp://127.0.0.1:{mailbox.port}"
    house = House(tmp_path, more={"DEMO": "0", "EMAIL_URL": mails})
    house.start()
    try:
        yield house
        assert "Traceback" not in house.log()
        house.command("verify")
    finally:
        house.stop()


# --- steps ----------------------------------------------------------------------------------------


def set_up(browser: Any, house: House) -> tuple[Page, str]:
    """The owner's account, by the link that the console prints."""
    printed = re.search(r"set it up +(\S+)", house.log())
    assert printed is not None
    owner = new_page(browser, scripts=True)
    owner.goto(house.url)
    assert "This site is not set up yet" in owner.locator("main").inner_text()
    owner.goto(printed[1])
    owner.get_by_label("Your e-mail address").fill(ANA)
    owner.get_by_label("Choose a password").fill(PASSWORD)
    owner.get_by_role("button", name="Create my account").click()
    owner.get_by_label("Your name").wait_for()
    return owner, printed[1]


def open_days_later(page: Page, house: House, path: str) -> None:
    """Whoever looks after the site is signed out by then."""
    page.goto(house.url + path)
    page.get_by_label("E-mail address").fill(ANA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def add_first_service(page: Page, title: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_label("Price").fill("25,00")
    page.get_by_label("Currency").select_option("EUR")
    page.get_by_text("At a meeting link or address of mine").click()
    page.get_by_label("Link, address or telephone number").fill("https://meet.example.com/room")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text(title)


def buy(browser: Any, public_page: str, title: str) -> Page:
    """Scripts are off."""
    buyer = new_page(browser, scripts=False)
    buyer.goto(public_page)
    buyer.get_by_role("link", name=title).click()
    assert "€25" in buyer.locator("main").inner_text()
    buyer.locator("label:has(input[name=slot])").first.click()
    buyer.get_by_label("Name").fill("Bo Buyer")
    buyer.get_by_label("E-mail").fill(BO)
    buyer.get_by_role("button", name="Continue to payment").click()
    buyer.get_by_role("button", name="Pay with the sandbox").click()
    buyer.get_by_role("heading", name="Your call with Ana is booked").wait_for()
    return buyer


def mails(mailbox: Mailbox, to: str, subject: str) -> list[str]:
    """The texts of those that have come."""
    found = [
        received
        for received in mailbox.received
        if received.recipients == [to] and re.search(subject, as_read(received, "Subject"))
    ]
    parts = [received.message.get_body(("plain",)) for received in found]
    return [part.get_content() for part in parts if part is not None]


def mail(mailbox: Mailbox, to: str, subject: str) -> str:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not (found := mails(mailbox, to, subject)):
        assert time.monotonic() < deadline, f"no mail {subject!r} to {to}"
        time.sleep(0.2)
    return found[-1]


def link_in(text: str, purpose: str) -> str:
    found = re.search(rf"http://\S+/{purpose}/\S+", text)
    assert found is not None, text
    return found[0].rstrip(".,")


def asked(house: House, question: str) -> str:
    """What the database says."""
    code = f"from bookings.models import *; print({question})"
    return house.command("shell", "-v0", "-c", code).strip()


# --- journeys -------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("faketime") is None, reason="`faketime` lets 72 hours pass")
def test_an_empty_site_sells_its_first_call_which_nobody_comes_to(
    browser: Any, empty: House, mailbox: Mailbox
) -> None:
    owner, link = set_up(browser, empty)
    owner.get_by_label("Your name").fill("Ana López")
    owner.get_by_role("button", name="Sell calls myself").click()
    add_first_service(owner, "Portfolio review")
    owner.get_by_role("link", name="View your public page").first.click()
    owner.wait_for_url("**/with/ana-lopez/")
    buyer = buy(browser, owner.url, "Portfolio review")
    owner.goto(f"{empty.url}/upcoming/")
    assert "Bo Buyer" in owner.locator("main").inner_text()
    owner.goto(link)
    assert "This site already has an owner" in owner.locator("main").inner_text()

    # The call's time passes, and Ana was not there.
    ends_at = datetime.fromisoformat(asked(empty, "Booking.objects.get().ends_at.isoformat()"))
    empty.pass_time(until=ends_at + timedelta(minutes=40))
    buyer.goto(link_in(mail(mailbox, BO, "Did your call with Ana happen"), "report"))
    buyer.get_by_label("Ana did not join").check()
    buyer.get_by_label("Tell Ana").fill("I waited for 25 minutes.")
    buyer.get_by_role("button", name="Report the no-show").click()
    expect(buyer.get_by_role("button", name="Report the no-show")).to_have_count(0)
    mail(mailbox, ANA, "Bo reported a no-show: answer by")
    open_days_later(owner, empty, "/need-action/")
    expect(owner.locator("main")).to_contain_text("I waited for 25 minutes.")

    # Nobody answers for 72 hours.
    ends_at = datetime.fromisoformat(asked(empty, "Booking.objects.get().deadline_at.isoformat()"))
    empty.pass_time(until=ends_at - timedelta(minutes=3))
    time.sleep(5)  # two sweeps
    assert asked(empty, "Refund.objects.count()") == "0"
    empty.pass_time(until=ends_at + timedelta(minutes=2))
    mail(mailbox, ANA, "€25 is going back to Bo")
    confirmed = mail(mailbox, BO, "refund is with your bank")
    empty.command("sweep")
    assert len(mails(mailbox, BO, "refund is with your bank")) == 1
    assert len(mails(mailbox, ANA, "is going back to Bo")) == 1
    refunds = "list(Refund.objects.values_list('amount_minor', 'currency', 'state'))"
    assert asked(empty, refunds) == "[(2500, 'EUR', 'succeeded')]"
    buyer.goto(link_in(confirmed, "status"))
    expect(buyer.get_by_role("heading", level=1)).to_contain_text(re.compile("refund", re.I))
    expect(buyer.locator("main")).to_contain_text("€25")
    open_days_later(owner, empty, "/completed-calls/")
    expect(owner.locator("main")).to_contain_text("Bo Buyer")
    expect(owner.locator("main")).to_contain_text("Refunded")
    owner.goto(f"{empty.url}/need-action/")
    expect(owner.locator("main")).not_to_contain_text("Bo Buyer")


def test_an_invited_expert_opens_a_shop(browser: Any, empty: House, mailbox: Mailbox) -> None:
    owner, _ = set_up(browser, empty)
    owner.get_by_label("Their e-mail address").fill(NINA)
    owner.get_by_label("Their name").fill("Nina Keller")
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.locator("main")).to_contain_text("Not accepted yet")
    invitation = link_in(mail(mailbox, NINA, "Sell calls on Topmate"), "invitation")

    nina = new_page(browser, scripts=True)
    nina.goto(invitation)
    expect(nina.get_by_label("Your name")).to_have_value("Nina Keller")
    nina.get_by_label("Choose a password").fill(PASSWORD)
    nina.get_by_role("button", name="Create my account").click()
    expect(nina.locator("main")).to_contain_text("Welcome, Nina.")
    add_first_service(nina, "Career talk")
    nina.get_by_role("link", name="View your public page").first.click()
    nina.wait_for_url("**/with/nina-keller/")
    visitor = new_page(browser, scripts=False)
    visitor.goto(nina.url)
    visitor.get_by_role("link", name="Career talk").click()
    visitor.locator("label:has(input[name=slot])").first.wait_for()
    visitor.goto(invitation)
    assert "This invitation was accepted already" in visitor.locator("main").inner_text()
    owner.reload()
    expect(owner.locator("main")).not_to_contain_text("Not accepted yet")


def test_manage_py_in_a_second_shell_finds_the_site(empty: House, mailbox: Mailbox) -> None:
    """Of all that it was started with only the folder is said again."""
    printed = re.search(r"set it up +(\S+)", empty.log())
    assert printed is not None
    env = {"PATH": os.environ["PATH"], "DATA_DIR": empty.env["DATA_DIR"], **clock.carried()}

    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )

    done = manage("setup_link")
    assert done.stdout.strip() == printed[1]
    assert f"for the site that is running on {env['DATA_DIR']}." in done.stderr
    told = "settings.MAILS_WAIT, settings.DEMO_INBOX, settings.BROKER_CONFIGURED"
    code = f"from django.conf import settings; print({told})"
    assert manage("shell", "-v0", "-c", code).stdout.split() == ["False", "False", "True"]
    assert open_to_others(empty.folder / "data") == []
    done = manage("invite", NINA)
    assert done.stdout.strip() == link_in(mail(mailbox, NINA, "Sell calls"), "invitation")
    done = manage("add_expert", "lu@example.org", "--name", "Lu Wei")
    assert done.stdout.startswith(f"{empty.url}/password/")
    done = manage("add_expert", "lu@example.org", "--name", "Lu Wei")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lu@example.org is already an expert here." in done.stderr
    empty.stop()
    assert not (empty.folder / "data" / "run.json").exists()
    assert manage("clock").stderr == ""
