"""Stops the parts of a running site one at a time, and shows that staff hears of each."""
