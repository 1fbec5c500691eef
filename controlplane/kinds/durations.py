"""Durations as Go writes them ("1h30m", "250ms", "1.5s"), in whole milliseconds."""

import re
from typing import Final

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_LIMIT: Final = 2**63 - 1
_LONGEST: Final = 64


def nanoseconds(text: str) -> int | None:
    """The duration in nanoseconds; None for what is none. The range is that of Go's type."""
    if len(text) > _LONGEST:
        return None
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None or not (part[1] or part[2]):
            return None
        unit = _NANOSECONDS[part[3]]
        total += int(part[1] or 0) * unit
        if part[2]:
            total += int(part[2]) * unit // 10 ** len(part[2])
        at = part.end()
    if not rest or total > _LIMIT:
        return None
    return sign * total
