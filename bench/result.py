"""What a scenario gives: figures with their goals, and facts that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.samples import Samples


@dataclass(frozen=True, slots=True)
class Goal:
    """At most so much, in the unit of the figure; None where there is no goal.

    `istiod` is what a real istiod took on a machine of this kind, for the same change written to
    an API server. Ours is counted from the rename of a file, so no ratio to it is given.
    """

    p50: float | None = None
    p99: float | None = None
    istiod: str = ""


NO_GOAL = Goal()


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure. `unit` is `ms`, `s`, `MB`, `bytes`, `requests` ..."""

    name: str
    unit: str
    samples: Samples
    goal: Goal = NO_GOAL

    def ratios(self) -> tuple[float, ...]:
        """Measured by goal, for each goal there is; 1 or less meets it. A goal of 0 is met by
        0 only."""
        return tuple(
            _ratio(measured, goal)
            for measured, goal in (
                (self.samples.p50, self.goal.p50),
                (self.samples.p99, self.goal.p99),
            )
            if goal is not None
        )

    @property
    def met(self) -> bool | None:
        """None where there is no goal."""
        ratios = self.ratios()
        return all(ratio <= 1 for ratio in ratios) if ratios else None


def _ratio(measured: float, goal: float) -> float:
    if goal:
        return measured / goal
    return 0.0 if measured == 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one scenario, and what else is worth telling."""

    scenario: str
    figures: tuple[Figure, ...]
    facts: Mapping[str, object] = field(default_factory=dict)


def one(name: str, unit: str, value: float, goal: Goal = NO_GOAL) -> Figure:
    """A figure that was measured once."""
    return Figure(name, unit, Samples((value,)), goal)
