"""What became of every request."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request; times are perf_counter seconds. `caller` and `certificate` are as whom, and by
    what, the server knew the caller. `error` is "" when it was answered well."""

    flow: str
    started: float
    ended: float
    canary: bool = False
    version: str = ""
    pod: str = ""
    route: str = ""
    caller: str = ""
    certificate: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the ledger: how many were sent and failed until then."""

    sent: int
    failed: int


@dataclass(slots=True)
class Ledger:
    """Counts all, remembers the last ones, every failure, and the certificates by which servers
    have known each caller."""

    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)
    certificates: dict[str, set[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.sent[outcome.flow] += 1
        if outcome.error:
            self.failed[outcome.flow] += 1
            self.failures.append(outcome)
        elif outcome.caller:
            self.certificates.setdefault(outcome.caller, set()).add(outcome.certificate)

    def mark(self) -> Mark:
        return Mark(self.sent.total(), self.failed.total())

    def ended_since(self, time: float) -> Iterator[Outcome]:
        """Those that ended at `time` or later, the newest first."""
        for outcome in reversed(self.outcomes):
            if outcome.ended < time:
                return
            yield outcome

    def started_since(self, time: float, flow: str) -> list[Outcome]:
        """Good and bad ones of a flow that started at `time` or later."""
        return [
            outcome
            for outcome in self.ended_since(time)
            if outcome.flow == flow and outcome.started >= time
        ]
