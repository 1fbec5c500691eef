import math

from bench.samples import Samples, milliseconds


def test_quantiles_are_measured_values() -> None:
    samples = Samples(tuple(float(value) for value in range(100, 0, -1)))
    assert samples.p50 == 50
    assert samples.p99 == 99
    assert samples.quantile(1.0) == 100


def test_one_value_is_every_quantile() -> None:
    assert Samples((7.0,)).p50 == Samples((7.0,)).p99 == 7.0


def test_nothing_measured_is_no_number() -> None:
    assert math.isnan(Samples(()).p50)


def test_the_worst_of_few_is_their_p99() -> None:
    assert Samples((1.0, 2.0, 9.0)).p99 == 9.0


def test_seconds_become_milliseconds() -> None:
    assert milliseconds([0.25, 0.5]).values == (250.0, 500.0)
