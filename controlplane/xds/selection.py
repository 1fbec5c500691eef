"""Which names of a type may go in one poll, at which value, and in whose company.

It asks the rollout name by name and keeps the books of what rests; it makes no response.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from controlplane.xds.entries import Entry
from controlplane.xds.ledger import Ledger
from controlplane.xds.refusals import GONE
from controlplane.xds.reports import Waited, kind
from controlplane.xds.resources import Resource
from controlplane.xds.rollout import Rollout, replaces
from controlplane.xds.subscription import WILDCARD_TYPES
from translators.wire import ASSIGNMENT, CLUSTER

Choice = tuple[str, Resource | None]
# the cohort, and whether it is a cluster that finds its endpoints itself
Company = tuple[int, bool]


@dataclass(slots=True, eq=False)
class Selection:
    """What may go on one stream.

    wake    when the first bounded wait runs out, as far as was seen since it was set
    waited  waits that ran out; who reads them clears them
    """

    rollout: Rollout
    delta: bool
    wake: float = math.inf
    waited: list[Waited] = field(default_factory=list)

    def additions(self, ledger: Ledger, now: float) -> dict[Company, list[Choice]]:
        """What is new or changed, or is told to be missing, by those that go together."""
        groups: dict[Company, list[Choice]] = {}
        for name in list(ledger.pending):
            entry = ledger.open.get(name)
            if entry is None:
                del ledger.pending[name]
                continue
            choice = self._choice(ledger, name, entry, now)
            if choice is not None:
                groups.setdefault(choice[0], []).append(choice[1])
        return groups

    def lots(self, ledger: Ledger) -> dict[Company, dict[str, Resource]]:
        """What was asked for as a lot and waits for nothing, in the groups of `additions`."""
        found: dict[Company, dict[str, Resource]] = {}
        for name, value in ledger.open.unsent().items():
            apart = ledger.type_url == CLUSTER and not value.needs_assignment
            found.setdefault((0, apart), {})[name] = value
        return found

    def _choice(
        self, ledger: Ledger, name: str, entry: Entry, now: float
    ) -> tuple[Company, Choice] | None:
        """The value of `name` that may go now, and with whom."""
        if ledger.settle(name, entry):
            return None
        want = ledger.wanted(name, entry.last)
        if want is None:
            if entry.last is None and not entry.maybe:
                return None if ledger.patient else ((entry.cohort, False), (name, None))
            entry.since = None
            del ledger.pending[name]
            ledger.leaving[name] = None
            return None
        if entry.refuses(want):
            if not (entry.owed and isinstance(entry.last, Resource)):
                entry.owed = False
                del ledger.pending[name]
                if ledger.type_url == ASSIGNMENT:
                    self.rollout.cold.pop(name, None)  # who refuses it waits for nothing
                return None
            # the cluster that it belongs to warms with what was good
            want = entry.last
        if not self._passes(ledger, name, entry, want, now):
            return None
        # DNS clusters apart: one with a silent resolver withholds the ACK of its whole response
        apart = self.delta and ledger.type_url == CLUSTER and not want.needs_assignment
        return (entry.cohort, apart), (name, want)

    def replaced(
        self, ledger: Ledger, leaving: Iterable[str], chosen: list[Choice]
    ) -> Iterator[Choice]:
        """Listeners that give up an address to one that is sent: they go with it."""
        for name in leaving:
            held = tuple(ledger.open[name].runs())
            if any(
                value is not None and replaces(value, old) for _, value in chosen for old in held
            ):
                yield name, None

    def removals(self, ledger: Ledger, now: float) -> list[Choice]:
        """What is to be told as gone."""
        chosen: list[Choice] = []
        for name in list(ledger.leaving):
            entry = ledger.open.get(name)
            if entry is None or ledger.settle(name, entry):
                ledger.leaving.pop(name, None)
            elif entry.rejected is not None and entry.rejected.version == GONE:
                del ledger.leaving[name]
            elif self._passes(ledger, name, entry, None, now):
                if self.delta or ledger.type_url in WILDCARD_TYPES:
                    chosen.append((name, None))
                else:
                    # SotW has no word for it: the client finds out by what refers to it
                    ledger.abandon(name, entry)
        return chosen

    def _passes(
        self, ledger: Ledger, name: str, entry: Entry, want: Resource | None, now: float
    ) -> bool:
        waited: list[Waited] = []
        for hold in self.rollout.before_sending(ledger, name, entry, want, now):
            if hold.holds(now):
                if hold.until is not None:
                    self.wake = min(self.wake, hold.until)
                return False
            if hold.since is not None:
                what = f"{kind(ledger.type_url)} {name}"
                waited.append(Waited(what, now - hold.since, hold.sentence()))
        self.waited.extend(waited)
        return True
