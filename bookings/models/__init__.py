"""The tables, by subject: people, schedule, booking, cases, money, records."""

from bookings.models.booking import BookedFollower, Booking, as_code, new_code
from bookings.models.cases import (
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    OfferedSlot,
    PrivateLink,
)
from bookings.models.money import Payment, Provider, Refund, RefundState, SandboxRefund
from bookings.models.people import Clock, Expert, Follower, User, validate_time_zone
from bookings.models.provider_events import Checkout, CheckoutState, ProviderEvent
from bookings.models.records import (
    Heartbeat,
    HelpFeedback,
    OutboxEmail,
    OutboxState,
    SetAside,
    StoredMessage,
    SupportRequest,
    TimelineEvent,
)
from bookings.models.schedule import DateOverride, Service, WeeklyHours

__all__ = [
    "BookedFollower",
    "Booking",
    "Checkout",
    "CheckoutState",
    "Clock",
    "CompletionMark",
    "Contest",
    "DateOverride",
    "Expert",
    "Follower",
    "Heartbeat",
    "HelpFeedback",
    "NoShowReport",
    "Offer",
    "OfferedSlot",
    "OutboxEmail",
    "OutboxState",
    "Payment",
    "PrivateLink",
    "Provider",
    "ProviderEvent",
    "Refund",
    "RefundState",
    "SandboxRefund",
    "Service",
    "SetAside",
    "StoredMessage",
    "SupportRequest",
    "TimelineEvent",
    "User",
    "WeeklyHours",
    "as_code",
    "new_code",
    "validate_time_zone",
]
