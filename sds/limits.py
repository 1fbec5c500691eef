"""How much may be asked for: a token bucket for each identity, and one for all. Bounded memory."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sds.identity import SpiffeId

# buckets that are full again are like none at all; of the others the oldest give way
_REMEMBERED: Final = 100_000


class RateLimited(Exception):  # noqa: N818
    """Too much was asked for; the text is for the caller."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Certificates a second, and how many at once. A deployment of one identity has many
    replicas, and all of a mesh ask at once after an outage."""

    per_identity: float = 50.0
    burst: int = 500
    overall: float = 5_000.0
    overall_burst: int = 20_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Limiter:
    """Takes one token of each of two buckets, or none."""

    def __init__(self, limits: Limits, *, remembered: int = _REMEMBERED) -> None:
        self._limits = limits
        self._remembered = remembered
        self._all: _Bucket | None = None
        self._each: OrderedDict[SpiffeId, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._each)

    def take(self, identity: SpiffeId, now: datetime) -> None:
        """Raises RateLimited."""
        limits = self._limits
        own = self._each.get(identity) or _Bucket(limits.burst, now)
        everyone = self._all or _Bucket(limits.overall_burst, now)
        _fill(own, now, rate=limits.per_identity, burst=limits.burst)
        _fill(everyone, now, rate=limits.overall, burst=limits.overall_burst)
        self._all, self._each[identity] = everyone, own
        self._each.move_to_end(identity)
        if len(self._each) > self._remembered:
            self._each.popitem(last=False)
        if own.tokens < 1:
            raise RateLimited(f"too many certificates are asked for by {identity}: try again later")
        if everyone.tokens < 1:
            raise RateLimited("too many certificates are asked for: try again later")
        own.tokens -= 1
        everyone.tokens -= 1


def _fill(bucket: _Bucket, now: datetime, *, rate: float, burst: int) -> None:
    # a clock that is set back fills nothing, and counts from where it is now
    passed = max((now - bucket.at).total_seconds(), 0.0)
    bucket.tokens = min(bucket.tokens + passed * rate, float(burst))
    bucket.at = now
