"""One of several processes that drive the same refunds; told by `throughput` which ones."""

from __future__ import annotations

import sys
from datetime import datetime

import django


def main() -> None:
    django.setup()
    from bookings import tasks

    print("ready", flush=True)
    now, *ids = sys.stdin.readline().split()
    taken = tasks.execute_all([int(pk) for pk in ids], now=datetime.fromisoformat(now))
    print(taken, flush=True)


if __name__ == "__main__":
    main()
