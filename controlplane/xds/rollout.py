"""Which change may go to one proxy when: make before break.

New clusters and their assignments first, then (gate) listeners and routes, then (gate) removals.
The gate of a cluster with an assignment is the ACK of the EDS response that carried it after its
CDS: Envoy acknowledges CDS too early while it starts, and too late while any other cluster warms.
The rollout decides; it sends nothing and knows no protocol.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.xds.entries import Claim, Entry, Held, Item
from controlplane.xds.ledger import Ledger
from controlplane.xds.reports import kind
from controlplane.xds.resources import Resource
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, NOTHING, ROUTE

_MOST_IN_FLIGHT: Final = 4
# the number of all that the client's last stream sent
BEFORE: Final = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    stage_wait  how long additions and routes are held back at most
    drain       how long what only a replaced listener refers to is kept (Istio's drain time)
    brief_wait  how long a cluster that finds its endpoints itself (DNS) holds a route back
    """

    stage_wait: float = 5.0
    drain: float = 45.0
    brief_wait: float = 0.5


@dataclass(frozen=True, slots=True)
class Hold:
    """Why something does not go now, and until when (None: until something happens). A bounded
    hold that runs out is worth telling; `names` go into the sentence."""

    why: str
    names: frozenset[str] = NOTHING
    until: float | None = None
    since: float | None = None

    def sentence(self) -> str:
        if not self.names:
            return self.why
        listed = sorted(self.names)
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        return f"{self.why} {', '.join(listed[:3])}{more}"

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until


@dataclass(slots=True)
class Drain:
    """A listener version that is replaced and may still have connections.

    clusters and tables are what only it refers to; None means not known, so everything.
    It counts from `since`, which is None until its successor, acknowledged `at`, has its tables.
    """

    listener: str
    clusters: frozenset[str] | None
    tables: frozenset[str] | None
    at: float
    since: float | None = None


@dataclass(slots=True, eq=False)
class Rollout:
    """The stages of one stream.

    cold    clusters that are not warm yet, with the number of the response that carried them
    unsent  clusters that could not even be sent yet
    bare    clusters whose assignment was not sent since they were
    before  clusters that the client's last stream left cold, with their versions
    claimed whether the client brought versions and it is not yet known what it runs
    """

    timing: Timing
    books: Mapping[str, Ledger]
    cold: dict[str, int] = field(default_factory=dict)
    unsent: frozenset[str] = NOTHING
    bare: dict[str, int] = field(default_factory=dict)
    drains: list[Drain] = field(default_factory=list)
    before: Mapping[str, str] = field(default_factory=dict)
    claimed: bool = False
    start: float = 0.0

    # what happened

    def reconnected(self, claims: Mapping[str, str]) -> None:
        """The client says which clusters it has: those of which the last stream did not learn
        that they are warm may still wait for an assignment that the client already has."""
        for name, version in self.before.items():
            if claims.get(name) == version:
                self.bare[name] = BEFORE
        # nor does it say which listeners it is still draining
        self.drains.append(Drain("of the last stream", None, None, self.start, self.start))

    def slim(self) -> None:
        """Give back the room that emptied dictionaries keep."""
        if not self.cold:
            self.cold = {}
        if not self.bare:
            self.bare = {}

    def sent(self, type_url: str, sequence: int, items: Iterable[Item]) -> None:
        """A response with `items` goes out."""
        if type_url == ASSIGNMENT:
            for item in items:
                self.bare.pop(item.name, None)
        elif type_url == CLUSTER:
            gating = self.books[CLUSTER].wildcard
            assignments = self.books[ASSIGNMENT]
            for item in items:
                if item.value is None:
                    self.forget(item.name)
                    continue
                if gating:
                    self.cold[item.name] = sequence
                if item.value.needs_assignment:
                    self.bare[item.name] = sequence
                    if assignments.covers(item.name):
                        assignments.owe(item.name)
                else:
                    self.bare.pop(item.name, None)

    def sent_lot(self, type_url: str, sequence: int, lot: Mapping[str, Resource]) -> None:
        """The same of a lot, of which the client had nothing."""
        if type_url == ASSIGNMENT:
            if self.bare.keys() <= lot.keys():
                self.bare.clear()
            for name in self.bare.keys() & lot.keys():
                del self.bare[name]
        elif type_url == CLUSTER:
            if self.books[CLUSTER].wildcard:
                self.cold.update(dict.fromkeys(lot, sequence))
            assignments = self.books[ASSIGNMENT]
            self.bare.update(
                (name, sequence) for name, cluster in lot.items() if cluster.needs_assignment
            )
            if assignments.names or assignments.wildcard:
                for name, cluster in lot.items():
                    if cluster.needs_assignment and assignments.covers(name):
                        assignments.owe(name)

    def landed_lot(self, type_url: str, sequence: int, lot: Iterable[Resource]) -> None:
        """The response was acknowledged; `lot` is what is left of its lot."""
        if type_url == ASSIGNMENT:
            for one in lot:
                if self.cold.get(one.name, sequence) < sequence:
                    del self.cold[one.name]
        elif type_url == CLUSTER:
            asked = self.books[ASSIGNMENT].asked
            for one in lot:
                if not (asked and one.needs_assignment) and self.cold.get(one.name) == sequence:
                    del self.cold[one.name]

    def landed(
        self, type_url: str, sequence: int, landed: Iterable[tuple[Item, Held]], now: float
    ) -> None:
        """The response was acknowledged; each item comes with what it replaces."""
        if type_url == ASSIGNMENT:
            for item, _ in landed:
                if self.cold.get(item.name, sequence) < sequence:
                    del self.cold[item.name]
        elif type_url == CLUSTER:
            asked = self.books[ASSIGNMENT].asked
            for item, _ in landed:
                if self.cold.get(item.name) == sequence and not (
                    asked and item.value is not None and item.value.needs_assignment
                ):
                    del self.cold[item.name]
        elif type_url == LISTENER:
            for item, old in landed:
                self._drain(item, old, now)

    def refused(self, type_url: str, item: Item, *, culprit: bool) -> None:
        """The response with `item` was refused: a culprit holds nobody back, what came with it
        has to come again before it is warm."""
        if culprit:
            if type_url in (CLUSTER, ASSIGNMENT):
                self.cold.pop(item.name, None)
            if type_url == CLUSTER:
                self.bare.pop(item.name, None)
        elif type_url == CLUSTER:
            self.cold.pop(item.name, None)  # it is unsent now

    def forget(self, cluster: str) -> None:
        """The proxy does not have, or not want, `cluster` any more."""
        self.cold.pop(cluster, None)
        self.bare.pop(cluster, None)

    def _drain(self, item: Item, old: Held, now: float) -> None:
        new = item.value
        if old is None:
            return
        clusters: frozenset[str] | None = None
        tables: frozenset[str] | None = None
        if isinstance(old, Resource):
            clusters = old.clusters if new is None else old.clusters - new.clusters
            tables = old.tables if new is None else old.tables - new.tables
            if not clusters and not tables:
                return
        drain = Drain(item.name, clusters, tables, now)
        self.drains.append(drain)
        self._tick(drain, now)

    def _tick(self, drain: Drain, now: float) -> None:
        if drain.since is not None:
            return
        # until it has its route tables, the new listener does not take over
        successor = self.books[LISTENER].held(drain.listener)
        awaits = successor.tables if isinstance(successor, Resource) else NOTHING
        routes = self.books[ROUTE]
        if routes.asked:
            missing = any(not routes.has(table) for table in awaits)
        else:
            missing = bool(awaits) and now < drain.at + self.timing.stage_wait
        if not missing:
            drain.since = now

    def _until(self, drain: Drain) -> float | None:
        if drain.since is not None:
            return drain.since + self.timing.drain
        return None if self.books[ROUTE].asked else drain.at + self.timing.stage_wait

    def prune(self, now: float) -> None:
        """Forget the listeners that have drained."""
        if not self.drains:
            return
        for drain in self.drains:
            self._tick(drain, now)
        self.drains = [
            drain
            for drain in self.drains
            if drain.since is None or now < drain.since + self.timing.drain
        ]

    # what may go

    def before_sending(
        self, ledger: Ledger, name: str, entry: Entry, want: Resource | None, now: float
    ) -> Iterator[Hold]:
        """What holds back `want` as the next value of `name` (None: its removal), in order."""
        if entry.sent and not entry.owed:
            yield from self._in_flight(ledger, name, entry)
        if want is None:
            yield from self._before_removal(ledger, name, entry, now)
        elif ledger.type_url in (LISTENER, ROUTE):
            yield from self._before_use(entry, want, now)

    def _in_flight(self, ledger: Ledger, name: str, entry: Entry) -> Iterator[Hold]:
        # the ACK of its assignment proves that a cluster is in force, its own may come late
        if ledger.type_url == CLUSTER and name not in self.cold:
            return
        flight = ledger.flights.get(entry.sent[-1][0])
        at = flight.at if flight is not None else self.start
        until = None if len(entry.sent) >= _MOST_IN_FLIGHT else at + self.timing.stage_wait
        yield Hold("an earlier version is not acknowledged", until=until, since=at)

    def _before_use(self, entry: Entry, want: Resource, now: float) -> Iterator[Hold]:
        if want.clusters.isdisjoint(self.cold) and want.clusters.isdisjoint(self.unsent):
            entry.since = None
            return
        known = entry.acked.clusters if isinstance(entry.acked, Resource) else NOTHING
        goal = self.books[CLUSTER].goal
        cold = {
            name: found.needs_assignment
            for name in want.clusters - known
            if (name in self.cold or name in self.unsent)
            and (found := goal.get(CLUSTER, name)) is not None
        }
        if not cold:
            entry.since = None
            return
        if entry.since is None:
            entry.since = now
        slow = frozenset(name for name, needs_assignment in cold.items() if needs_assignment)
        wait = self.timing.stage_wait if slow else self.timing.brief_wait
        yield Hold(
            "not warm yet: cluster", slow or frozenset(cold), entry.since + wait, entry.since
        )

    def _before_removal(
        self, ledger: Ledger, name: str, entry: Entry, now: float
    ) -> Iterator[Hold]:
        if ledger.patient:
            yield Hold("not there" if entry.last is None else "kept until it is unsubscribed")
        if ledger.type_url not in (CLUSTER, LISTENER, ROUTE):
            return
        if self.claimed:
            yield from self._unsure(now)
        if ledger.type_url == LISTENER:
            yield from self._before_listener_removal(entry)
        elif ledger.type_url == ROUTE:
            yield from self._before_table_removal(name)
        else:
            yield from self._before_cluster_removal(name)

    def _unsure(self, now: float) -> Iterator[Hold]:
        """What a client that reconnects runs is known once its listeners and routes are current."""
        for type_url in (LISTENER, ROUTE):
            ledger = self.books[type_url]
            if not ledger.asked:
                until = self.start + self.timing.stage_wait
                yield Hold(f"the client did not ask for {kind(type_url)} yet", until=until)
            elif not ledger.current():
                yield Hold(f"not all acknowledged yet of type {kind(type_url)}")
        if all(
            ledger.current() if ledger.asked else now >= self.start + self.timing.stage_wait
            for ledger in (self.books[LISTENER], self.books[ROUTE])
        ):
            self.claimed = False

    def _before_listener_removal(self, entry: Entry) -> Iterator[Hold]:
        ledger = self.books[LISTENER]
        busy: list[str] = []
        for other, its in ledger.open.items():
            target = ledger.wanted(other)
            if target is None or not ledger.unsettled(other, its):
                continue
            if not its.refuses(target):
                busy.append(other)
            elif replaces(target, entry.acked):
                yield Hold("refused by the client: its successor", frozenset((other,)))
        if busy:
            yield Hold("not acknowledged yet: listener", frozenset(busy))

    def _before_table_removal(self, name: str) -> Iterator[Hold]:
        for listener, its in self.books[LISTENER].open.items():
            for held in its.runs():
                if isinstance(held, Claim) or (held is not None and name in held.tables):
                    yield Hold("may still be used by listener", frozenset((listener,)))
        for drain in self.drains:
            if drain.tables is None or name in drain.tables:
                yield Hold(
                    "connections still drain from listener",
                    frozenset((drain.listener,)),
                    self._until(drain),
                )

    def _before_cluster_removal(self, name: str) -> Iterator[Hold]:
        listeners, routes = self.books[LISTENER], self.books[ROUTE]
        if not self.books[CLUSTER].wildcard and (listeners.asked or routes.asked):
            yield Hold("kept until the client unsubscribes")
        for ledger in (listeners, routes):
            for other, its in ledger.open.items():
                for held in its.runs():
                    if isinstance(held, Claim):
                        yield Hold(
                            f"not known what the client runs as {kind(ledger.type_url)}",
                            frozenset((other,)),
                        )
                    elif held is not None and name in held.clusters:
                        yield Hold(
                            f"may still be used by {kind(ledger.type_url)}", frozenset((other,))
                        )
        for drain in self.drains:
            if drain.clusters is None or name in drain.clusters:
                yield Hold(
                    "connections still drain from listener",
                    frozenset((drain.listener,)),
                    self._until(drain),
                )


def replaces(new: Resource, old: Held) -> bool:
    """Whether listener `new` takes an address of `old`; where that is not known, it may."""
    if isinstance(old, Claim):
        return bool(new.addresses)
    return old is not None and not new.addresses.isdisjoint(old.addresses)
