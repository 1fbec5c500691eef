import math

from bench.result import Figure, Goal, one
from bench.samples import Samples


def test_a_goal_is_met_when_no_ratio_is_above_one() -> None:
    figure = Figure("x", "ms", Samples((6.0, 6.0, 30.0)), Goal(p50=12, p99=40))
    assert figure.ratios() == (0.5, 0.75)
    assert figure.met is True


def test_a_slow_tail_misses_the_goal() -> None:
    assert Figure("x", "ms", Samples((6.0, 6.0, 41.0)), Goal(p50=12, p99=40)).met is False


def test_without_a_goal_nothing_is_met_or_missed() -> None:
    assert one("x", "s", 3.0).met is None
    assert one("x", "s", 3.0, Goal(istiod="4 s")).met is None


def test_a_goal_of_nothing_is_met_by_nothing_only() -> None:
    assert one("failed", "requests", 0, Goal(p50=0)).met is True
    lost = one("failed", "requests", 1, Goal(p50=0))
    assert lost.met is False
    assert lost.ratios() == (math.inf,)
