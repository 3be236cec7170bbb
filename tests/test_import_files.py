"""Files as spreadsheets write them, pipes, and a report that overwrites nothing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bookings.imports import file, lines
from bookings.models import Booking, Expert, Follower
from tests import clock
from tests.builders import make_expert

pytestmark = pytest.mark.django_db
COLUMNS = (
    "external_ref,expert_email,follower_name,follower_email,service_title,duration_minutes,"
    "starts_at,price,currency,paid_at,payment_method,place"
)
Run = Callable[..., tuple[int, str]]


def row(number: int, *, end: str = ",,", **changes: str) -> str:
    """The last two columns may stay empty; `end` is what stands in their place."""
    found = {
        "ref": f"R{number}",
        "name": f"Person {number}",
        "email": f"p{number}@example.com",
        "starts_at": f"2026-01-{number:02d}T06:00+00:00",
        "price": "59.50",
        **changes,
    }
    return (
        f"{found['ref']},maya@example.com,{found['name']},{found['email']},Career talk,30,"
        f"{found['starts_at']},{found['price']},EUR,2025-12-01T10:00+00:00{end}"
    )


@pytest.fixture(autouse=True)
def maya() -> Expert:
    return make_expert(email="maya@example.com")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(path: Path | str, *options: str) -> tuple[int, str]:
        try:
            call_command("import_bookings", str(path), *options)
        except CommandError as error:
            return error.returncode, capsys.readouterr().out + str(error)
        return 0, capsys.readouterr().out

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "calls.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def semicolons(text: str) -> str:
    return text.replace(",", ";")


WINDOWS = "\r\n"
AS_WRITTEN = {
    "empty values at the end are left out after row 16": (
        19,
        WINDOWS.join(
            [COLUMNS, *(row(n) for n in range(1, 17)), *(row(n, end="") for n in range(17, 20))]
        ),
    ),
    "one empty value is left out": (1, f"{COLUMNS}\n{row(1, end=',Visa')}\n"),
    "the header has empty columns at its end": (
        2,
        WINDOWS.join([f"{COLUMNS},,", row(1, end=",,,,"), row(2, end=",,,,"), ""]),
    ),
    "the header alone has them": (1, f"{COLUMNS},,\n{row(1)}\n"),
    "the lines alone have them": (
        2,
        WINDOWS.join([COLUMNS, row(1, end=",,,,"), row(2, end=",,\u00a0, ,"), ""]),
    ),
    "a column without a name is empty": (
        1, f"{COLUMNS.replace(',paid_at', ',,paid_at')}\n{row(1).replace(',2025', ',,2025')}\n"
    ),
    "a line says what separates": (
        1, WINDOWS.join(["sep=;", semicolons(COLUMNS), semicolons(row(1)), ""])
    ),
    "in capitals and quotation marks": (
        1, WINDOWS.join(['"SEP=;"', semicolons(COLUMNS), semicolons(row(1)), ""])
    ),
    "a tab": (1, "sep=\t\n" + f"{COLUMNS}\n{row(1)}\n".replace(",", "\t")),
    "a vertical bar": (1, "sep=|\n" + f"{COLUMNS}\n{row(1)}\n".replace(",", "|")),
    "it says so and means commas": (1, f"sep=;\n{COLUMNS}\n{row(1)}\n"),
    "with a byte order mark in front": (
        1, f"\ufeffsep=;{WINDOWS}{semicolons(COLUMNS)}{WINDOWS}{semicolons(row(1))}"
    ),
    "a sign that cannot be seen in the header": (
        1, f"{COLUMNS.replace('follower_name', chr(0x200B) + 'follower_name')}\n{row(1)}"
    ),
    "two byte order marks": (1, f"\ufeff\ufeff{COLUMNS}\n{row(1)}"),
    "a header in words": (
        1, f"{COLUMNS.replace('_', ' ').title()}\n{row(1)}".replace("Place", " PLACE\u00a0")
    ),
    "a header with hyphens and quotation marks": (
        1, ",".join(f'"{name}"' for name in COLUMNS.replace("_", "-").split(",")) + f"\n{row(1)}"
    ),
    "the first line is empty": (1, f"\r\n{COLUMNS}\n{row(1)}"),
    "the first lines have no values": (1, f",,,\n \n\ufeff;;\n{COLUMNS}\n{row(1)}"),
    "line ends of old": (2, "\r".join([COLUMNS, row(1), row(2), ""])),
    "no line end at the end": (1, f"{COLUMNS}\n{row(1)}"),
    "empty lines between": (2, f"{COLUMNS}\n\n{row(1)}\n,,,\n\n{row(2)}\n\n"),
    "values in quotation marks": (
        1, f"{COLUMNS}\n" + ",".join(f'"{value}"' for value in row(1).split(","))
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_WRITTEN)
def test_a_file_is_read_as_spreadsheets_write_it(
    run: Run, write: Callable[..., Path], kind: str
) -> None:
    count, content = AS_WRITTEN[kind]
    status, out = run(write(content))
    assert (status, Booking.objects.count()) == (0, count), out
    assert f"{count} imported, 0 already there, 0 refused." in out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{COLUMNS}\n{row(1)[:30]}\n", "Line 2: It has 4 values, the header names 12 columns."),
        (f"{COLUMNS}\n{row(1, end=',,,more')}\n", "Line 2: It has 13 values"),
        (f"{COLUMNS},,\n{row(1, end=',,,more,')}\n", "Line 2: It has 14 values"),
        (f"sep=,\n\n{COLUMNS}\n{row(1, price='abc')}\n", "Line 4, price: "),
        (f"{COLUMNS.replace(',paid_at', ',,paid_at')}\n{row(1).replace(',2025', ',x,2025')}\n",
         "Line 2: It has a value in column 10, which has no name."),
    ],
)  # fmt: skip
def test_what_is_left_out_or_added_is_never_guessed(
    run: Run, write: Callable[..., Path], content: str, reason: str
) -> None:
    status, out = run(write(content))
    assert status == 1
    assert reason in out
    assert not Booking.objects.exists()


def test_names_that_cannot_be_seen_or_carry_a_link_are_refused_with_their_line(
    run: Run, write: Callable[..., Path]
) -> None:
    lines = [
        row(1, name="\u00a0"),
        row(2, name="\u200b"),
        row(3, name="\u3164"),
        row(4, name="Jose\u0301 Nun\u0303ez"),
        row(5, name="www.example.net"),
        row(6, email="idn@bücher.example"),
    ]
    status, out = run(write("\n".join([COLUMNS, *lines])))
    assert status == 1
    for number in (2, 3, 4):
        assert f"Line {number}, follower_name: It holds nothing but signs that cannot be" in out
    assert "Line 6, follower_name: It holds a web address" in out
    assert sorted(Follower.objects.values_list("name", "email")) == [
        ("José Nuñez", "p4@example.com"),
        ("Person 6", "idn@bücher.example"),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"{COLUMNS}\n{row(1)}".encode("utf-16"), "The file is UTF-16; save it as CSV UTF-8."),
        (f"{COLUMNS}\n{row(1)}".encode("utf-16-le"), "The file is UTF-16"),
        (f"{COLUMNS}\n{row(1)}".encode("utf-16-be"), "The file is UTF-16"),
        (b"PK\x03\x04 and so on", "The file is a workbook; save it as CSV UTF-8."),
        (f"{COLUMNS}\r{row(1)}\r".encode() + b"\xe9x", "Line 3 is not UTF-8."),
        (b"\r\n\r\n,,,\r\nsep=;\r\n", "The first line must name the columns."),
        (b"sep=;\r\n", "The first line must name the columns."),
        (",".join(f"c{n}" for n in range(10_000)).encode(), "'c4', and 9,995 more."),
    ],
)
def test_other_files_are_refused_in_a_sentence(
    run: Run, write: Callable[..., Path], content: bytes, sentence: str
) -> None:
    status, out = run(write(content))
    assert status == 2
    assert sentence in out
    assert "Nothing was imported." in out


@pytest.mark.parametrize(
    "written",
    ["2026-01-02T06:01+00", "2026-01-02T06:01+0", "2026-01-02T06:01-00:00", "2026-01-02T06:01Z",
     "2026-01-02T06:01 UTC", "2026-01-02 06:01 utc", "2026-01-02t06:01z", "2026-01-02T06:01GMT",
     "2026-01-02T11:31+0530", "2026-01-02T11:31+5:30", "2026-01-02T11:31 +05:30",
     "2026-01-02T11:01+05", "2026-01-02T11:01+5", "2026-01-02T01:01-05", "2026-01-02T11:01 UTC+5",
     "2026-01-02T01:01\u221205:00", "2026-01-02T06:01:00.000+00"],
)  # fmt: skip
def test_an_offset_may_be_short(written: str) -> None:
    instant = datetime(2026, 1, 2, 6, 1, tzinfo=UTC)
    assert lines.read_starts_at(written, "", datetime(2026, 1, 1, tzinfo=UTC)) == instant


@pytest.mark.parametrize(
    "written",
    ["2026-01-02T06:01+99", "2026-01-02T06:01+15:00", "2026-01-02T06:01+05:75",
     "2026-01-02T06:01+", "2026-01-02T06:01+053", "2026-01-02T06:01+530", "2026-01-02T06:01 CET", "2026-01-02T06:01ZZ",
     "2026-01-02T06:01+00000"],
)  # fmt: skip
def test_what_is_no_offset_is_refused(written: str) -> None:
    with pytest.raises(lines.Refused, match="written like"):
        lines.read_starts_at(written, "", datetime(2026, 1, 1, tzinfo=UTC))


# --- the report ------------------------------------------------------------------------------------


@pytest.fixture
def calls(write: Callable[..., Path]) -> Path:
    return write(f"{COLUMNS}\n{row(1)}\n{row(2, price='abc')}\n")


def same(calls: Path) -> Path:
    return calls


def hard_link(calls: Path) -> Path:
    link = calls.with_name("report.csv")
    link.hardlink_to(calls)
    return link


def symbolic_link(calls: Path) -> Path:
    link = calls.with_name("report.csv")
    link.symlink_to(calls)
    return link


def dangling_link(calls: Path) -> Path:
    link = calls.with_name("report.csv")
    link.symlink_to(calls.with_name("nothing"))
    return link


def another_file(calls: Path) -> Path:
    path = calls.with_name("books.csv")
    path.write_text("kept")
    return path


def roundabout(calls: Path) -> Path:
    return calls.parent / ".." / calls.parent.name / calls.name


@pytest.mark.parametrize(
    "named", [same, hard_link, symbolic_link, dangling_link, another_file, roundabout]
)
def test_the_report_overwrites_nothing(
    run: Run, calls: Path, named: Callable[[Path], Path]
) -> None:
    report = named(calls)
    before = calls.read_bytes()
    for options in ([], ["--dry-run"]):
        status, out = run(calls, *options, "--report", str(report))
        assert status == 2
        assert f"{report} exists already" in out
    assert calls.read_bytes() == before
    assert named is not another_file or report.read_text() == "kept"
    assert not calls.with_name("nothing").exists()
    assert not Booking.objects.exists()


def test_a_report_that_is_to_be_the_missing_input_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    status, out = run(path, "--report", str(path))
    assert status == 2
    assert "exists already" in out
    assert not path.exists()


def test_a_file_that_is_refused_leaves_no_report_behind(
    run: Run, write: Callable[..., Path], tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    assert run(write("nonsense"), "--report", str(report))[0] == 2
    assert not report.exists()
    assert run(write(f"{COLUMNS}\n{row(1)}\n"), "--report", str(report))[0] == 0


def test_a_report_is_written_to_a_new_file(run: Run, calls: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    assert run(calls, "--report", str(report))[0] == 1
    assert "3,price," in report.read_text(encoding="utf-8-sig")


# --- pipes -----------------------------------------------------------------------------------------


def test_a_pipe_is_read_like_a_file(run: Run, calls: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(calls.read_bytes()))
    writer.start()
    status, out = run(pipe)
    writer.join()
    assert status == 1
    assert "Line 3, price" in out
    assert Booking.objects.count() == 1


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, calls: Path) -> None:
    class Input:
        buffer = io.BytesIO(calls.read_bytes())

    monkeypatch.setattr(sys, "stdin", Input)


def test_standard_input_is_named_by_a_hyphen(run: Run, typed: None) -> None:
    status, out = run("-")
    assert (status, "1 imported" in out) == (1, True)


def test_a_pipe_without_an_end_is_refused(
    run: Run, typed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "LARGEST_PIPE", 100)
    status, out = run("-")
    assert status == 2
    assert "import it from a file" in out


@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
@pytest.mark.parametrize("is_pipe", [True, False])
def test_standard_input_of_a_shell(
    root: Path, calls: Path, tmp_path: Path, name: str, is_pipe: bool
) -> None:
    """In a process of its own, on a database of its own, where nobody is an expert."""
    env = {**clock.carried(), "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "manage.py"]
    options: dict[str, Any] = {"cwd": root, "env": env, "capture_output": True, "text": True}
    subprocess.run([*command, "migrate", "-v0"], check=True, **options)
    told = [*command, "import_bookings", name, "--dry-run"]
    if is_pipe:
        done = subprocess.run(told, input=calls.read_text(), **options)
    else:
        with calls.open() as file:
            done = subprocess.run(told, stdin=file, **options)
    assert done.returncode == 1, done.stderr
    assert "2 lines read" in done.stdout
    assert "Line 2, expert_email: No expert signs in with this address" in done.stdout


def test_devices_that_are_no_files_are_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    for path in ("/dev/null", "/dev/zero", str(tmp_path)):
        status, out = run(path)
        assert status == 2
        assert "Nothing was imported." in out
