"""A second trigger beside beat: one short-lived process for each sweep."""

from __future__ import annotations

import os
import time


def sweep_once() -> None:
    from django.db import connections

    from bookings import sweeps

    connections.close_all()
    try:
        sweeps.sweep()
    finally:
        os._exit(0)


def main() -> None:
    import django

    django.setup()
    from django.db import connections

    while True:
        connections.close_all()
        if (pid := os.fork()) == 0:
            sweep_once()
        os.waitpid(pid, 0)
        time.sleep(0.3)


if __name__ == "__main__":
    main()
