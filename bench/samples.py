"""Quantiles of what was timed. Nothing is left out: outliers of a noisy machine are in the p99."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Samples:
    """Measured values in one unit, in the order in which they came."""

    values: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """By nearest rank: always a value that was measured. NaN without values."""
        if not self.values:
            return math.nan
        ranked = sorted(self.values)
        return ranked[max(0, math.ceil(share * len(ranked)) - 1)]

    @property
    def p50(self) -> float:
        return self.quantile(0.50)

    @property
    def p99(self) -> float:
        return self.quantile(0.99)


def milliseconds(seconds: Iterable[float]) -> Samples:
    return Samples(tuple(value * 1000 for value in seconds))
