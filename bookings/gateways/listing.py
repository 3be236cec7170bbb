"""What a provider's list of refunds says about one of ours."""

from __future__ import annotations

from bookings.gateways.port import Answer, ListedRefund, RefundRequest, Status


def find_in(listed: list[ListedRefund], request: RefundRequest) -> Answer | None:
    """None only when sending would not pay twice.

    The key names the try: after staff has retried a refund that came back, the old entry has
    our uuid under an older key and does not count. Unless it moves money after all.
    """
    same_key = [entry for entry in listed if entry.idempotency_key == request.idempotency_key]
    ours = [entry for entry in listed if entry.refund_uuid == request.refund_uuid]
    live = [entry for entry in [*same_key, *ours] if entry.is_live]
    for entry in [*live, *same_key]:
        return answer_of(entry, request)
    return None


def answer_of(entry: ListedRefund, request: RefundRequest, *, is_new: bool = False) -> Answer:
    """`is_new`: it answers the very request that made it, so a failure is a refusal."""
    if (entry.amount_minor, entry.currency) != (request.amount_minor, request.currency.upper()):
        return Answer(
            Status.UNKNOWN,
            message=f"The provider has {entry.provider_refund_id} over {entry.amount_minor} "
            f"{entry.currency} for this refund, not what was asked.",
        )
    is_refused = is_new and entry.status == Status.REVERSED
    return Answer(
        Status.DECLINED if is_refused else entry.status,
        provider_refund_id=entry.provider_refund_id,
        reference=entry.reference,
        message=entry.message[:400],
    )


def if_behind(listed: list[ListedRefund], returned_minor: int) -> Answer | None:
    """UNKNOWN when more of the payment went back than its list shows: what is not listed may
    have been paid all the same. `returned_minor` is what the payment itself says; failed refunds
    may be in it, so they count here, too."""
    shown = sum(entry.amount_minor for entry in listed)
    if returned_minor <= shown:
        return None
    said = f"Of this payment {returned_minor} went back, its list of refunds shows {shown}"
    return Answer(Status.UNKNOWN, message=f"{said}: the list is behind.")


def live_minor(listed: list[ListedRefund]) -> int:
    """Sum of all that went back, or is going back, by whomever."""
    return sum(entry.amount_minor for entry in listed if entry.is_live)
