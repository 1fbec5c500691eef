"""Run a command that ends when its parent does, however that ended: leash.py PARENT COMMAND ….

A program of its own, so that the parent, which has threads, need not run Python between fork and
exec.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it ended before we asked to be told
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
