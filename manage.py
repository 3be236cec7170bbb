#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")
    try:
        from topmate import command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed in this Python. Run `make run` once, "
            "then use .venv/bin/python manage.py."
        ) from error
    command_line.run(sys.argv)


if __name__ == "__main__":
    main()
