"""The experts with their hours and services, and the followers."""

from __future__ import annotations

from datetime import time

from benchmarks.clock import NOW

FIRST = ("Priya", "Lena", "Tom", "Aiko", "Rosa", "Emeka", "Ines", "Jonas", "Meera", "Olga")
LAST = ("Nair", "Schmidt", "Okafor", "Tanaka", "Silva", "Novak", "Rossi", "Larsen", "Iyer", "Kim")
ZONES = ("Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Sydney", "UTC")
AT_ONCE = 5000


def email_of(number: int) -> str:
    """The expert's sign-in."""
    return f"e{number}@example.com"


def make_cast(*, experts: int, followers: int) -> None:
    """Their ids run from 1; an expert has the id of their user and of their one service."""
    from bookings.models import Expert, Follower, Service, User, WeeklyHours

    numbers = range(1, experts + 1)
    User.objects.bulk_create(
        (User(id=n, email=email_of(n), password="!", date_joined=NOW) for n in numbers), AT_ONCE
    )
    Expert.objects.bulk_create(
        (
            Expert(id=n, user_id=n, name=f"Expert {n}", slug=f"e{n}", time_zone="Asia/Kolkata",
                   clock="24", step_minutes=15)
            for n in numbers
        ),
        AT_ONCE,
    )  # fmt: skip
    Service.objects.bulk_create(
        (
            Service(id=n, expert_id=n, title="Portfolio review", duration_minutes=15,
                    price_minor=240000, currency="INR", place_kind="address",
                    place="https://meet.example.com/room")
            for n in numbers
        ),
        AT_ONCE,
    )  # fmt: skip
    WeeklyHours.objects.bulk_create(
        (
            WeeklyHours(expert_id=n, weekday=day, starts_local=starts, ends_local=ends)
            for n in numbers
            for day in range(7)
            for starts, ends in ((time(9), time(12)), (time(13), time(18)))
        ),
        AT_ONCE,
    )
    Follower.objects.bulk_create(
        (
            Follower(id=n, name=f"{FIRST[n % 10]} {LAST[n // 10 % 10]}",
                     email=f"f{n}@example.com", time_zone=ZONES[n % 5])
            for n in range(1, followers + 1)
        ),
        AT_ONCE,
    )  # fmt: skip
