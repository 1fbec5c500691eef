"""CPU time and memory of a process, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

from bench.machine import field_of

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the process began, and resident memory now and at its peak, in MiB."""

    cpu: float
    rss: float
    peak: float


def usage(pid: int) -> Usage:
    home = Path(f"/proc/{pid}")
    status = (home / "status").read_text()
    return Usage(
        cpu_seconds((home / "stat").read_text(), _TICKS),
        mebibytes(field_of(status, "VmRSS")),
        mebibytes(field_of(status, "VmHWM")),
    )


def cpu_seconds(stat: str, ticks: int) -> float:
    """User and system time in the text of /proc/PID/stat; the name may contain blanks."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks


def mebibytes(text: str) -> float:
    """`123 kB` of /proc/PID/status."""
    return int(text.split()[0]) / 1024 if text else 0.0
