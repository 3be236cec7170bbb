"""The people of the demo: two experts, staff, and followers in many zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache

from django.contrib.auth.hashers import make_password

from bookings.models import (
    DateOverride,
    Expert,
    Follower,
    HelpFeedback,
    PlaceKind,
    Service,
    User,
    WeeklyHours,
)

PASSWORD = "no-show-desk"  # noqa: S105 - printed on the start page of the demo
MAYA, LUKAS, STAFF = "maya@demo.example", "lukas@demo.example", "staff@demo.example"
SIGN_INS = [
    (MAYA, PASSWORD, "Maya Fernandes, an expert in Kolkata"),
    (LUKAS, PASSWORD, "Lukas Brandt, an expert in Berlin"),
    (STAFF, PASSWORD, "staff, who works in the admin"),
]

# name: zone and clock; the address is the first name
FOLLOWERS = {
    "Priya Nair": ("Asia/Kolkata", "12"),
    "Tom Okafor": ("Africa/Lagos", "24"),
    "Lena Hartmann": ("Europe/Berlin", "24"),
    "Rahul Deshmukh": ("Asia/Kolkata", "12"),
    "Aisha Khan": ("Asia/Dubai", "12"),
    "Marco Bellini": ("Europe/Rome", "24"),
    "Grace Liu": ("America/New_York", "12"),
    "Jonas Weber": ("Europe/Zurich", "24"),
    "Neha Patil": ("Asia/Kolkata", "12"),
    "Oliver Grant": ("Europe/London", "24"),
    "Yuki Tanaka": ("Asia/Tokyo", "24"),
    "Sofia Almeida": ("America/Sao_Paulo", "24"),
    "Ben Carter": ("Australia/Sydney", "12"),
    "Mei Chen": ("Asia/Singapore", "12"),
    "Diego Fuentes": ("America/Santiago", "24"),
    "Hannah Cole": ("Pacific/Auckland", "12"),
}

ABOUT = {
    MAYA: (
        "Product designer, twelve years in banking and health",
        "I help designers show what they can do: in a portfolio, in an interview, in a talk about "
        "money.\n\nBring your work as it is. We look at it together, and you leave with a list of "
        "what to change first.",
    ),
    LUKAS: (
        "Software architect in Berlin",
        "I look at systems that have grown for a while, and say what I would leave alone.",
    ),
}
DESCRIPTIONS = {
    "Portfolio review": "We go through three of your projects. You get notes on each of them.",
    "Career chat": "Where you are, where you want to be, and one next step.",
    "Mock interview": "An interview as it happens, then half an hour of feedback.",
    "Architecture review": "You show me the system; I ask, and you get my notes on one page.",
}
QUESTIONS = {
    "Portfolio review": [{"text": "Where can I see your work?", "is_required": True}],
    "Architecture review": [{"text": "What worries you most?", "is_required": False}],
}

# title: minutes, price in minor units, currency
MAYAS_SERVICES = {
    "Portfolio review": (30, 240_000, "INR"),
    "Career chat": (45, 150_000, "INR"),
    "Mock interview": (60, 300_000, "INR"),
    "UX audit": (60, 5_950, "EUR"),
    "Strategy session": (60, 9_000, "USD"),
    "Pricing call": (30, 6_000, "JPY"),
    "Hello call": (15, 0, "INR"),
}
LUKAS_SERVICES = {
    "Architecture review": (60, 12_000, "EUR"),
    "Quick question": (20, 3_550, "USD"),
    "Tokyo hours": (45, 9_000, "JPY"),
}
MAYAS_HOURS = {day: ((time(10), time(13)), (time(15), time(20))) for day in range(5)} | {
    5: ((time(11), time(14)),)
}
LUKAS_HOURS = {day: ((time(9), time(12)), (time(13), time(17))) for day in range(4)} | {
    4: ((time(9), time(12)), (time(13), time(16)))
}


FEEDBACK = [
    (True, ""),
    (True, "Good to know that the clock stops when I offer a new time."),
    (False, "What if we were both late?"),
    (True, ""),
]


@dataclass(frozen=True)
class People:
    maya: Expert
    lukas: Expert
    staff: User
    followers: dict[str, Follower]
    """The followers by first name."""


def gather() -> People:
    """All of them; who is there already stays as they are."""
    maya = _expert(MAYA, "Maya Fernandes", "Asia/Kolkata", clock="12", buffer_minutes=10)
    lukas = _expert(LUKAS, "Lukas Brandt", "Europe/Berlin", clock="24", buffer_minutes=15)
    sells(maya, MAYAS_SERVICES, MAYAS_HOURS)
    sells(lukas, LUKAS_SERVICES, LUKAS_HOURS)
    followers = {name.split()[0]: _follower(name) for name in FOLLOWERS}
    return People(maya, lukas, _user(STAFF, "Site Staff", is_staff=True), followers)


def leave_feedback() -> None:
    """What readers said about the help article."""
    if not HelpFeedback.objects.exists():
        HelpFeedback.objects.bulk_create(
            HelpFeedback(article="no-shows", is_helpful=is_helpful, comment=comment)
            for is_helpful, comment in FEEDBACK
        )


def plan_days_off(expert: Expert, *, today: date) -> None:
    """One day off and one day with other hours in the next two weeks."""
    if expert.date_overrides.exists():
        return
    DateOverride.objects.create(expert=expert, date=today + timedelta(days=6))
    DateOverride.objects.create(
        expert=expert,
        date=today + timedelta(days=9),
        starts_local=time(8),
        ends_local=time(11, 30),
    )


def _user(email: str, name: str, *, is_staff: bool = False) -> User:
    if user := User.objects.filter(email=email).first():
        return user
    first, _, last = name.partition(" ")
    user = User.objects.create_user(
        email, first_name=first, last_name=last, is_staff=is_staff, is_superuser=is_staff
    )
    User.objects.filter(pk=user.pk).update(password=_encoded_password())
    return user


@lru_cache(maxsize=1)
def _encoded_password() -> str:
    """Slow on purpose; once is enough for a password that is printed on the sign-in page."""
    return make_password(PASSWORD)


def _expert(email: str, name: str, zone: str, *, clock: str, buffer_minutes: int) -> Expert:
    expert, _ = Expert.objects.select_related("user").get_or_create(
        user=_user(email, name),
        defaults={
            "name": name,
            "slug": f"demo-{name.split()[0].lower()}",
            "time_zone": zone,
            "clock": clock,
            "buffer_minutes": buffer_minutes,
            "headline": ABOUT[email][0],
            "about": ABOUT[email][1],
        },
    )
    return expert


def _follower(name: str) -> Follower:
    zone, clock = FOLLOWERS[name]
    follower, _ = Follower.objects.get_or_create(
        email=f"{name.split()[0].lower()}@demo.example",
        defaults={"name": name, "time_zone": zone, "clock": clock},
    )
    return follower


def sells(
    expert: Expert,
    services: dict[str, tuple[int, int, str]],
    hours: Mapping[int, tuple[tuple[time, time], ...]],
) -> None:
    for title, (minutes, price_minor, currency) in services.items():
        Service.objects.get_or_create(
            expert=expert,
            title=title,
            defaults={
                "duration_minutes": minutes,
                "price_minor": price_minor,
                "currency": currency,
                "description": DESCRIPTIONS.get(title, ""),
                "questions": QUESTIONS.get(title, []),
                "place_kind": PlaceKind.ADDRESS,
                "place": f"https://meet.demo.example/{expert.slug}",
            },
        )
    if not expert.weekly_hours.exists():
        WeeklyHours.objects.bulk_create(
            WeeklyHours(expert=expert, weekday=day, starts_local=starts, ends_local=ends)
            for day, spells in hours.items()
            for starts, ends in spells
        )
