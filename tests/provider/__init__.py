"""A payment provider to try things out against: Stripe's and Razorpay's URLs over one set of books.

It is an HTTP server of its own, made of the standard library only, and knows nothing of the site. It
keeps the providers' rules about money and idempotency keys, signs webhooks, and misbehaves when told
to. `python -m tests.provider` starts it; docs/providers.md describes it. Tests have it in a thread:
running.py has what they do with it.
"""
