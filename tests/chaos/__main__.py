"""python -m tests.chaos: what `manage.py chaos` starts."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.options import Options, kinds_in
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--only", type=kinds_in, default=kinds_in(""))
    parser.add_argument("--fault-rate", type=float, default=0.5)
    parser.add_argument("--faults", default="")
    parser.add_argument("--pace", type=float, default=0.02)
    parser.add_argument("--crash-rate", type=float, default=0.03)
    parser.add_argument("--crash-at", default="")
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--fresh-keys", action="store_true")
    parser.add_argument("--hasty-keys", action="store_true")
    parser.add_argument("--no-clock-guard", action="store_true")
    parser.add_argument("--lazy-commits", action="store_true")
    options = Options(**vars(parser.parse_args()))
    return 0 if run(options, lambda line: print(line, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
