"""Kill everything at any moment, let the provider misbehave, and compare both ledgers at the end.

`manage.py chaos` runs it; docs/chaos.md describes it.
"""
