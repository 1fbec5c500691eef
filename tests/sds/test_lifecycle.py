"""A certificate on the clock: renewed in time, spread out, through outages and jumps of clocks."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sds.lifecycle import (
    Alarm,
    Phase,
    State,
    alarm,
    asked,
    begin,
    due,
    failed,
    issued,
    next_at,
    spread,
)
from tests.sds.material import START

BACKDATE = timedelta(seconds=120)
_ROLL = st.floats(0, 1, exclude_max=True)
_SECONDS = st.floats(4, 90 * 86_400)


def _active(seconds: float, roll: float = 0.0) -> State:
    end = START + timedelta(seconds=seconds)
    return issued(begin(START), START - BACKDATE, end, now=START, roll=roll)


def _after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_the_way_of_a_certificate() -> None:
    state = begin(START)
    assert (state.phase, due(state, START)) == (Phase.PENDING, True)
    state = asked(state, START)
    assert (state.phase, due(state, START)) == (Phase.PENDING, False)
    state = issued(state, START - BACKDATE, START + _after(3600), now=START, roll=0.0)
    assert (state.phase, next_at(state)) == (Phase.ACTIVE, START + _after(1800))
    later = START + _after(1800)
    assert due(state, later)
    assert not due(state, later - _after(1))
    state = asked(state, later)
    assert (state.phase, due(state, later), state.not_after) == (
        Phase.ROTATING,
        False,
        START + _after(3600),
    )
    state = issued(state, later - BACKDATE, later + _after(3600), now=later, roll=0.0)
    assert (state.phase, state.not_after) == (Phase.ACTIVE, later + _after(3600))


def test_who_hears_nothing_asks_again() -> None:
    assert due(asked(_active(3600), START), START + _after(30))


@given(_SECONDS, _ROLL)
def test_it_is_renewed_by_half_of_its_lifetime(seconds: float, roll: float) -> None:
    wait = (next_at(_active(seconds, roll)) - START).total_seconds()
    assert max(1.0, seconds * 0.09) <= wait <= seconds / 2 + 1e-3


@pytest.mark.parametrize("seconds", [300, 420, 900, 3600, 86_400, 90 * 86_400])
@pytest.mark.parametrize("start", [0.0, 0.33, 0.77])
@pytest.mark.parametrize("within", [0.0, 1.0])
def test_a_thousand_that_came_together_are_renewed_apart(
    seconds: int, start: float, within: float
) -> None:
    seen: Counter[int] = Counter()
    for number in range(1000):
        now = START + _after(within * number / 1000)
        state = begin(now)
        end = now + _after(seconds)
        state = issued(state, now - BACKDATE, end, now=now, roll=spread(number, start))
        seen[int((next_at(state) - START).total_seconds())] += 1
    assert max(seen.values()) <= 10


def test_independent_rolls_do_it_from_fifty_minutes_on() -> None:
    source = Random(11)
    seen = Counter(
        int((next_at(_active(3000, source.random())) - START).total_seconds()) for _ in range(1000)
    )
    assert max(seen.values()) <= 10


def test_an_outage_is_survived_with_rising_alarms() -> None:
    state, now, heard = _active(3600), START, []
    while now < START + _after(3700):
        if due(state, now):
            state = failed(asked(state, now), now=now, roll=0.5)
            assert state.not_after == START + _after(3600)
        level = alarm(state, now)
        if not heard or heard[-1][1] != level:
            heard.append(((now - START).total_seconds(), level))
        now += _after(1)
    assert heard == [
        (0, Alarm.NONE),
        (1800, Alarm.INFO),
        (2700, Alarm.WARNING),
        (3240, Alarm.ERROR),
        (3600, Alarm.EXPIRED),
    ]
    state = issued(state, now - BACKDATE, now + _after(3600), now=now, roll=0.0)
    assert (alarm(state, now), state.attempts) == (Alarm.NONE, 0)


def test_without_any_certificate_a_failure_is_an_error() -> None:
    assert alarm(begin(START), START) is Alarm.NONE
    assert alarm(failed(begin(START), now=START, roll=0.0), START) is Alarm.ERROR


@given(st.integers(0, 60), _ROLL, st.one_of(st.none(), st.floats(1, 1e6)))
def test_backoff_grows_and_is_bounded(attempts: int, roll: float, seconds: float | None) -> None:
    state = begin(START) if seconds is None else _active(seconds)
    for _ in range(attempts):
        state = failed(state, now=START, roll=roll)
    state = failed(state, now=START, roll=roll)
    wait = (next_at(state) - START).total_seconds()
    assert 0.5 <= wait <= min(60.0, 2.0**attempts)
    assert state.attempts == attempts + 1
    if seconds is not None:
        assert wait <= max(5.0, seconds / 8)


@given(_SECONDS, _ROLL, st.floats(0, 1e8))
def test_a_clock_that_jumps_past_the_end(seconds: float, roll: float, beyond: float) -> None:
    state, now = _active(seconds, roll), START + _after(seconds + beyond)
    assert alarm(state, now) is Alarm.EXPIRED
    assert due(state, now)


@given(_SECONDS, _ROLL, st.floats(0, 1), st.floats(0, 1e8))
def test_a_clock_that_is_set_back(seconds: float, roll: float, passed: float, back: float) -> None:
    """Whenever it is set back, and by how much: the true time that passes between issue and
    renewal is no longer than the certificate lasts."""
    state = _active(seconds, roll)
    before = (next_at(state) - START) * passed
    clock = START + before - _after(back)
    waited = timedelta(0) if due(state, clock) else next_at(state) - clock
    assert before + waited <= _after(seconds) * 1.07


@given(_SECONDS, _ROLL, _ROLL)
def test_a_clock_that_wavers_renews_nothing(seconds: float, roll: float, part: float) -> None:
    state = _active(seconds, roll)
    slack = min((next_at(state) - START) / 8, _after(60))
    assert not due(state, START - slack * part)


def test_a_certificate_that_comes_too_late_is_not_asked_for_in_a_loop() -> None:
    state = issued(begin(START), START - BACKDATE, START - _after(5), now=START, roll=0.3)
    assert alarm(state, START) is Alarm.EXPIRED
    assert next_at(state) >= START + _after(1)
    assert state.phase is Phase.ACTIVE


@given(st.lists(st.tuples(st.sampled_from("aif"), st.floats(0, 5000), _ROLL), max_size=40))
def test_whatever_happens_it_is_due_again_before_it_ends(
    events: list[tuple[str, float, float]],
) -> None:
    state, now = begin(START), START
    for event, seconds, roll in events:
        now += _after(seconds)
        match event:
            case "a":
                state = asked(state, now)
            case "i":
                state = issued(state, now - BACKDATE, now + _after(3600), now=now, roll=roll)
            case _:
                state = failed(state, now=now, roll=roll)
        assert now <= next_at(state) <= now + _after(1800)
        assert due(state, next_at(state))
        if state.phase is Phase.ACTIVE:
            assert state.not_after is not None
            assert next_at(state) < state.not_after
