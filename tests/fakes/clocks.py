"""Time that stands still until a test steps it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Stepped:
    """A Clock. `monotonic` goes with `now`, unless the clock is set."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    passed: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.passed += seconds

    def set(self, at: datetime) -> None:
        """As somebody sets a machine's clock."""
        self.at = at
