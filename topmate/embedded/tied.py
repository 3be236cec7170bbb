"""Runs a command that dies with its parent: tied.py PARENT_PID SIGNAL COMMAND…

The kernel keeps the wish over exec, so the command needs to know nothing of it. Where the
kernel has no such wish (macOS), the next start cleans up by the state file instead.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int, signal_number: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:  # it died before the wish was made
        sys.exit(1)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]), int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])
