"""One of several processes at the same work; `racing` starts them and tells them what to do."""

from __future__ import annotations

import json
import sys
from datetime import datetime

import django


def main() -> None:
    django.setup()
    from bookings import refunds, sweeps

    print("ready", flush=True)
    told = json.loads(sys.stdin.readline())
    now = datetime.fromisoformat(told["now"])
    if told["work"] == "deadlines":
        print(sweeps.run_deadlines(now=now), flush=True)
    else:
        print(refunds.drive(told["ids"], now=now), flush=True)


if __name__ == "__main__":
    main()
