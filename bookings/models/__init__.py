"""The tables, by subject: people, booking, cases, money, privacy, records, signing in."""

from bookings.models.booking import BookedFollower, Booking, as_code, new_code, site_host
from bookings.models.cases import (
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    OfferedSlot,
    PrivateLink,
)
from bookings.models.money import (
    Checkout,
    CheckoutState,
    Payment,
    Provider,
    ProviderEvent,
    Refund,
    RefundState,
    SandboxRefund,
)
from bookings.models.people import (
    Clock,
    DateOverride,
    Expert,
    Follower,
    FormerAddress,
    Invitation,
    InvitationState,
    PlaceKind,
    Service,
    User,
    WeeklyHours,
    longest,
    validate_time_zone,
)
from bookings.models.privacy import Erasure, StaffAct
from bookings.models.records import (
    Heartbeat,
    HelpFeedback,
    HistoryHead,
    OutboxEmail,
    OutboxState,
    SetAside,
    StoredMessage,
    SupportRequest,
    TimelineEvent,
)
from bookings.models.signing_in import AuthenticatorApp, RecoveryCode, SignIn
