"""A payment provider to try things out against: Stripe's and Razorpay's URLs over one set of books.

Own HTTP server, standard library only; it knows nothing of the rest of the site. It keeps the
providers' rules about money and idempotency keys, signs webhooks, and misbehaves when told to.
Started by `manage.py provider_standin`; described in docs/providers.md.
"""
