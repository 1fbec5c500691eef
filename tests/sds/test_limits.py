"""Token buckets: generous, fair, bounded."""

import pytest

from sds.identity import SpiffeId
from sds.limits import Limiter, Limits, RateLimited
from tests.sds.material import START, Clock


def _who(number: int = 0) -> SpiffeId:
    return SpiffeId("cluster.local", "shop", f"w{number}")


def test_two_thousand_identities_at_once_pass() -> None:
    limiter = Limiter(Limits())
    for number in range(2000):
        limiter.take(_who(number), START)


def test_one_that_asks_too_much_holds_up_nobody_else() -> None:
    limiter, clock = Limiter(Limits(per_identity=1, burst=3)), Clock()
    for _ in range(3):
        limiter.take(_who(), clock())
    with pytest.raises(RateLimited, match="sa/w0"):
        limiter.take(_who(), clock())
    limiter.take(_who(1), clock())
    clock.step(seconds=1)
    limiter.take(_who(), clock())
    with pytest.raises(RateLimited):
        limiter.take(_who(), clock())


def test_all_together_are_limited_too() -> None:
    limiter = Limiter(Limits(overall=10, overall_burst=5))
    for number in range(5):
        limiter.take(_who(number), START)
    with pytest.raises(RateLimited, match=r"^too many certificates are asked for: "):
        limiter.take(_who(6), START)


def test_a_clock_that_is_set_back_neither_fills_nor_blocks() -> None:
    limiter, clock = Limiter(Limits(per_identity=1, burst=1)), Clock()
    limiter.take(_who(), clock())
    with pytest.raises(RateLimited):
        limiter.take(_who(), clock.step(hours=-1))
    limiter.take(_who(), clock.step(seconds=1))


def test_memory_is_bounded() -> None:
    limiter = Limiter(Limits(), remembered=10)
    for number in range(50):
        limiter.take(_who(number), START)
    assert len(limiter) == 10
