"""What a provider requires: how it counts a currency, by its own list, and what the references of
its payments look like.

We keep an amount in the decimals that people write it with (CLDR's, as `formats` shows them) and
hand it to the provider as it is. Where the provider counts otherwise, our 5000 would be 50.00
there. It is not converted but refused: no call is sold so, and no refund is sent so.
"""

from __future__ import annotations

import re

from babel.numbers import get_currency_precision

from bookings.models import Provider

_WHOLE, _THOUSANDTHS = 0, 3
_BY_PROVIDER = {
    Provider.STRIPE: {
        _WHOLE: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
        _THOUSANDTHS: "BHD JOD KWD OMR TND",
    },
    Provider.RAZORPAY: {
        _WHOLE: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
        _THOUSANDTHS: "BHD IQD JOD KWD OMR TND",
    },
}
"""As their documents have it; all others are counted in hundredths. ISK and UGX have no minor unit
at Stripe either, but it wants two digits more, which are always 00. Of thousandths both take only
those with a last digit of 0."""
_DECIMALS = {
    (provider.value, currency): decimals
    for provider, lists in _BY_PROVIDER.items()
    for decimals, currencies in lists.items()
    for currency in currencies.split()
}
_WITHOUT_BOOKS = (Provider.MANUAL, Provider.SANDBOX)
"""A person pays what the page says, or nobody pays at all."""


def is_counted_alike(provider: str, currency: str) -> bool:
    """Whether an amount of ours is the same amount at the provider."""
    if provider in _WITHOUT_BOOKS:
        return True
    ours: int = get_currency_precision(currency)
    return _DECIMALS.get((provider, currency), 2) == ours


def why_not(provider: str, amount_minor: int, currency: str) -> str:
    """Why the provider must not be asked for this amount; empty when it may be. For staff."""
    if not is_counted_alike(provider, currency):
        name = Provider(provider).label
        return f"{name} counts {currency} in other units than this site: the amount would be wrong."
    is_thousandths = _DECIMALS.get((provider, currency)) == _THOUSANDTHS
    if is_thousandths and amount_minor % 10:
        return f"{Provider(provider).label} takes {currency} only in steps of 0.010."
    return ""


_PREFIXES = {Provider.STRIPE: ("pi_", "ch_", "py_"), Provider.RAZORPAY: ("pay_",)}
"""A payment intent of Stripe, or a charge, which begins with py_ where no card was charged. A
checkout session, an invoice, an order or a client secret is none of these."""
_EXAMPLE = "Nq7RsT8uV9wXyZ"


def why_no_reference(provider: str, ref: str) -> str:
    """Why this cannot be the id of a payment there; empty when it can. For staff."""
    prefixes = _PREFIXES.get(Provider(provider))
    if prefixes is None or re.fullmatch(f"(?:{'|'.join(prefixes)})[A-Za-z0-9]+", ref):
        return ""
    *others, last = prefixes
    beginning = f"{', '.join(others)} or {last}" if others else last
    return (
        f"{Provider(provider).label} cannot refund by this. The id of a payment there is "
        f"{beginning} followed by letters and digits, such as {prefixes[0]}{_EXAMPLE}."
    )
