"""One workload certificate on the clock: Pending -> Active -> Rotating -> Active, and Failed.

When it is rotated: at half of its lifetime L at the latest, and before that by a part `roll` of a
window W. W is L/5; of lifetimes from 5 to 10 minutes it is 120 s, since a thousand certificates
that were issued within one second need 100 seconds or more so that no second has more than 1 % of
them (of less than 5 minutes no window could do that without asking for ever new ones). With rolls
by `spread` that holds from 5 minutes on; rolls that are independent and uniform need W >= 600 s
(the fullest of W seconds has then 10 or fewer of 1,000), that is L >= 50 minutes; 24 h have
W = 17,280 s. L counts from when the certificate came, not from its backdated start.

Clocks jump. Forward past the end: expired, and due at once. Backward: nothing is due later than
its whole lifetime from when it came, because half of it may pass before the jump and half after;
before the moment it came, the clock says nothing that can be relied on, so it is due at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

_WINDOW: Final = 0.2
_NEEDED: Final = timedelta(seconds=120)
_WIDEST: Final = 0.4
_SHORTEST: Final = timedelta(seconds=1)
# whoever asked and heard nothing asks again
_PATIENCE: Final = timedelta(seconds=30)
_BASE: Final = timedelta(seconds=1)
_CEILING: Final = timedelta(seconds=60)
_HURRIED: Final = timedelta(seconds=5)
# a clock that is set back by this part of what was waited for does not matter
_TOLERANCE: Final = 8
_GOLDEN: Final = 0.6180339887498949


class Phase(StrEnum):
    PENDING = "Pending"  # there is no certificate yet
    ACTIVE = "Active"
    ROTATING = "Rotating"  # asked for the next; the one before is in force
    FAILED = "Failed"  # could not get one; the one before is in force, if there is one


class Alarm(IntEnum):
    """How bad it is that there is no new certificate yet."""

    NONE = 0
    INFO = 1  # it could not be renewed when it should have been
    WARNING = 2  # 3/4 of the lifetime are over
    ERROR = 3  # 9/10, or there is none at all
    EXPIRED = 4


@dataclass(frozen=True, slots=True)
class State:
    """entered: when it came into this phase. came: when the certificate in force did; with
    not_after, None while there is none."""

    phase: Phase
    entered: datetime
    due_at: datetime
    came: datetime | None = None
    not_after: datetime | None = None
    attempts: int = 0


def begin(now: datetime) -> State:
    """Nothing yet, and due at once."""
    return State(Phase.PENDING, now, now)


def asked(state: State, now: datetime) -> State:
    """A certificate has been asked for: it is not due again before patience ends."""
    phase = Phase.PENDING if state.not_after is None else Phase.ROTATING
    return replace(state, phase=phase, entered=now, due_at=now + _PATIENCE)


def issued(
    state: State, not_before: datetime, not_after: datetime, *, now: datetime, roll: float
) -> State:
    """A certificate came. `roll` in [0, 1) spreads those that came together."""
    length = min(not_after - now, not_after - not_before)
    wait = max(length / 2 - _window(length) * roll, _SHORTEST)
    return replace(
        state,
        phase=Phase.ACTIVE,
        entered=now,
        due_at=now + wait,
        came=now,
        not_after=not_after,
        attempts=0,
    )


def failed(state: State, *, now: datetime, roll: float) -> State:
    """None came. The next try is after 1 s, 2 s, 4 s … 60 s, half of that being jitter, and sooner
    where the certificate in force ends soon."""
    ceiling = _CEILING
    if state.not_after is not None:
        ceiling = min(ceiling, max((state.not_after - now) / 8, _HURRIED))
    wait = min(_BASE * 2 ** min(state.attempts, 16), ceiling) * (0.5 + roll / 2)
    return replace(
        state,
        phase=Phase.FAILED,
        entered=now,
        due_at=now + wait,
        attempts=state.attempts + 1,
    )


def due(state: State, now: datetime) -> bool:
    """Whether a certificate is to be asked for now."""
    if now >= state.due_at:
        return True
    if state.phase is Phase.ACTIVE and state.not_after is not None and now >= state.not_after:
        return True
    slack = min((state.due_at - state.entered) / _TOLERANCE, _CEILING)
    return now < state.entered - slack


def next_at(state: State) -> datetime:
    """When to look again, if the clock does not jump."""
    return state.due_at


def alarm(state: State, now: datetime) -> Alarm:
    """How bad it is by now; it rises until a certificate comes."""
    if state.came is None or state.not_after is None:
        return Alarm.ERROR if state.attempts else Alarm.NONE
    if now >= state.not_after:
        return Alarm.EXPIRED
    passed = (now - state.came) / (state.not_after - state.came)
    if passed >= 0.9:
        return Alarm.ERROR
    if passed >= 0.75:
        return Alarm.WARNING
    return Alarm.INFO if state.attempts else Alarm.NONE


def spread(number: int, start: float = 0.0) -> float:
    """The roll of the number-th certificate: multiples of the golden ratio lie evenly in [0, 1),
    however many there are. `start` tells processes apart."""
    return (start + number * _GOLDEN) % 1.0


def _window(length: timedelta) -> timedelta:
    window = length * _WINDOW
    return _NEEDED if window < _NEEDED <= length * _WIDEST else window
