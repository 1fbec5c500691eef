"""What one stream asked for of one type, and where that differs from what it should hold.

A name that is subscribed and not `open` is held and acknowledged at the goal's version: a settled
stream keeps no state for each resource. The ledger does not decide what may be sent when.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.xds.entries import Claim, Entry, Flight, Held, Item, version_of
from controlplane.xds.lots import Entries
from controlplane.xds.reports import Nack
from controlplane.xds.resources import EMPTY_SNAPSHOT, Resource, Snapshot, empty_assignment
from translators.wire import ASSIGNMENT, CLUSTER, NOTHING

# types that a client asks for by the thousand, all at once
_MANY: Final = frozenset((CLUSTER, ASSIGNMENT))


@dataclass(slots=True, eq=False)
class Ledger:
    """The book of one type.

    pending   open names that may have to be sent; leaving: those that are to be removed
    answer    a response is due even if there is nothing to say
    anew      the client changed its subscription (SotW): that response need not wait for an ACK
    latest    the sequence number of the last response; 0 before the first
    empties   a name without resource is answered with an empty assignment
    lingers   what is removed stays in use until it is unsubscribed (route tables)
    lots      whether names that are asked for together are kept as lots
    patient   a name without resource is waited for, and what is gone is kept: a secret that is not
              there yet is not told to be missing, and none is taken from who uses it
    """

    type_url: str
    asked: bool = False
    wildcard: bool = False
    legacy: bool = False
    names: set[str] = field(default_factory=set)
    goal: Snapshot = EMPTY_SNAPSHOT
    open: Entries = field(init=False)
    pending: dict[str, None] = field(default_factory=dict)
    leaving: dict[str, None] = field(default_factory=dict)
    flights: dict[int, Flight] = field(default_factory=dict)
    answer: bool = False
    anew: bool = False
    latest: int = 0
    generation: int | None = None
    empties: bool = False
    lingers: bool = False
    lots: bool = False
    patient: bool = False

    def __post_init__(self) -> None:
        self.lots = self.lots and self.type_url in _MANY
        # a cluster that is gone before it was sent is not told of, a name that was asked for is
        self.open = Entries(self.pending, owed=self.type_url != CLUSTER)

    def covers(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def target(self, name: str, last: Held = None) -> Held:
        """What the client shall have, where `last` is what it has: an assignment that the goal
        forgot is kept (its cluster is gone, or on the way out), never emptied."""
        found = self.goal.get(self.type_url, name)
        if found is None and self.empties and name in self.names:
            return empty_assignment(name) if last is None else last
        return found

    def wanted(self, name: str, last: Held = None) -> Resource | None:
        """The target as it can be sent."""
        target = self.target(name, last)
        return empty_assignment(name) if isinstance(target, Claim) else target

    def covered(self) -> Collection[str]:
        """All names that the client asked for and that exist, and those it asked for by name."""
        if not self.wildcard:
            return self.names
        return dict.fromkeys((*self.goal.names(self.type_url), *self.names)).keys()

    def advance(self, goal: Snapshot, changed: frozenset[str]) -> None:
        """A new goal, which differs from the old one in `changed` at most."""
        touched: Iterable[str] = changed if self.wildcard else self.names & changed
        for name in touched:
            if self.open.get(name) is None:
                self.open[name] = Entry(acked=self.wanted(name))
            self.pending[name] = None
            self.leaving.pop(name, None)
        if self.patient and any(name in self.open for name in changed):
            # secrets change under one generation of the World: it has to be reached again
            self.generation = None
        self.goal = goal

    def subscribe(self, name: str, *, claim: str | None = None, stale: bool = False) -> None:
        """The client asks for `name` anew, or (`claim`) says which version of it it has.

        A claim that is current is answered by nothing, unless `stale` says that it does not count.
        """
        known = self.covers(name)
        found = self.goal.get(self.type_url, name)
        # the goal's own string: one for all streams
        self.names.add(name if found is None else found.name)
        if claim is not None and not known:
            self.claims(name, claim)
            if stale:
                self.owe(name)
            return
        entry = self.open.get(name)
        if entry is None:
            entry = self.open[name] = Entry(acked=self.wanted(name) if known else None)
        entry.owed = True
        entry.rejected = None
        self.pending[name] = None

    def subscribe_all(self, names: Iterable[str]) -> Iterable[str]:
        """subscribe() of names without versions, as far as they make a lot; the others are
        returned."""
        if not self.lots or self.wildcard or not self.open.owed:
            return names
        lot: dict[str, Resource] = {}
        others: list[str] = []
        get = self.goal.getter(self.type_url)
        known, open_ = self.names, self.open if self.open else NOTHING
        for name in names:
            found = get(name)
            if found is None or name in known or name in open_:
                others.append(name)
            else:
                # the goal's own string: one for all streams
                lot[found.name] = found
        self.names.update(lot)
        self.open.ask(lot)
        return others

    def claim_all(self, names: Iterable[str], claims: Mapping[str, str]) -> Iterable[str]:
        """The client asks for `names` and has those of `claims`: what is current needs no more,
        the others are returned."""
        if self.open or self.wildcard:
            return names
        others: list[str] = []
        get = self.goal.getter(self.type_url)
        for name in names:
            found = get(name)
            if found is not None and claims.get(name) == found.version:
                self.names.add(found.name)
            else:
                others.append(name)
        return others

    def owe(self, name: str) -> None:
        """`name`, which is subscribed, is to be sent even if the client holds it."""
        entry = self.open.get(name)
        if entry is None:
            entry = self.open[name] = Entry(acked=self.wanted(name))
        entry.owed = True
        self.pending[name] = None

    def claims(self, name: str, version: str) -> None:
        """The client says that it holds `version` of `name`."""
        found = self.goal.get(self.type_url, name)
        if found is not None and found.version == version:
            self.open.pop(name, None)
            self.pending.pop(name, None)
            return
        self.open[name] = Entry(acked=Claim(version))
        self.pending[name] = None

    def open_wildcard(self, claims: Mapping[str, str]) -> None:
        """From now on everything; `claims` are the versions that the client has already."""
        before = self.names if not self.wildcard else None
        self.wildcard = True
        if before is None:
            return
        if self.lots and not before and not claims and not self.open:
            self.open.ask(self.goal.all(self.type_url))
            return
        get = self.goal.getter(self.type_url)
        for name, version in claims.items():
            found = get(name)
            current = found is not None and found.version == version and not self.open
            if not current and name not in before:
                self.claims(name, version)
        for name in self.goal.names(self.type_url):
            if name not in before and name not in claims and name not in self.open:
                self.open[name] = Entry()
                self.pending[name] = None

    def close_wildcard(self) -> None:
        """From now on only what is asked for by name."""
        self.wildcard = self.legacy = False
        for name in [name for name in self.open if name not in self.names]:
            self.forget(name)

    def unsubscribe(self, name: str, *, tell: bool) -> bool:
        """The client does not ask for `name` any more. Where a wildcard still covers it, it
        cannot know whether that has it, and is told (`tell`). Whether it is not covered now."""
        if name not in self.names:
            return False
        self.names.discard(name)
        if not self.wildcard:
            self.forget(name)
            return True
        if tell:
            self.owe(name)
        return False

    def forget(self, name: str) -> None:
        self.open.pop(name, None)
        self.pending.pop(name, None)
        self.leaving.pop(name, None)

    def launch(self, flight: Flight) -> None:
        """`flight` is on its way."""
        self.flights[flight.sequence] = flight
        self.latest = flight.sequence
        self.answer = self.anew = False
        for item in flight.items:
            entry = self.open[item.name]
            entry.sent += ((flight.sequence, item.value),)
            entry.owed = False
            entry.since = None
            self.pending.pop(item.name, None)
            self.leaving.pop(item.name, None)
        if flight.lot:
            self.open.sent(flight.sequence, flight.lot)

    def land(self, flight: Flight) -> list[tuple[Item, Held]]:
        """`flight` was acknowledged: its items that still count, with what they replace."""
        landed: list[tuple[Item, Held]] = []
        for item in (*flight.items, *self._unfolded(flight)):
            entry = self.open.get(item.name)
            if entry is None or not entry.awaits(flight.sequence):
                continue
            landed.append((item, entry.acked))
            if self.lingers and item.value is None and entry.acked is not None:
                entry.ghost = entry.acked
            elif item.value is not None:
                entry.ghost = None
            entry.acked = item.value
            entry.maybe = entry.applied = ()
            entry.cohort = 0
            # a client answers in order: what was sent before is replaced too
            entry.sent = tuple(sent for sent in entry.sent if sent[0] > flight.sequence)
            if not self.settle(item.name, entry):
                self.pending[item.name] = None
        return landed

    def _unfolded(self, flight: Flight) -> Iterable[Item]:
        """Those of its lot that are by themselves now, and have to be landed so."""
        left = self.open.lots.get(flight.sequence, {})
        if len(left) == len(flight.lot):
            return ()
        return [Item(one.name, one) for one in flight.lot if one.name not in left]

    def land_lot(self, flight: Flight) -> Iterable[Resource]:
        """`flight` was acknowledged: what is left of its lot. The goal still says the same of it,
        so nothing is left to say."""
        return self.open.landed(flight.sequence) if flight.lot else ()

    def spread(self, flight: Flight) -> Flight:
        """`flight` with each name of its lot by itself."""
        if not flight.lot:
            return flight
        for one in flight.lot:
            self.open.get(one.name)
        items = (*flight.items, *(Item(one.name, one) for one in flight.lot))
        return Flight(flight.sequence, flight.at, items)

    def slim(self) -> None:
        """Give back the room that emptied dictionaries keep: there is one of each on a stream."""
        if not self.open:
            self.pending, self.leaving = {}, {}
            self.open = Entries(self.pending, owed=self.open.owed)

    def crash(self, flight: Flight) -> list[Item]:
        """`flight` was refused: its items that still count. Which of them the client applied is
        not known, so all are owed, whatever the goal is by then."""
        crashed: list[Item] = []
        for item in flight.items:
            entry = self.open.get(item.name)
            if entry is None or not entry.awaits(flight.sequence):
                continue
            crashed.append(item)
            entry.sent = tuple(sent for sent in entry.sent if sent[0] != flight.sequence)
            entry.maybe += (item.value,)
            # a client answers in order: what was sent later settles it
            entry.owed = entry.owed or entry.sent == () or entry.sent[-1][0] < flight.sequence
            self.pending[item.name] = None
        return crashed

    def refuse(self, nack: Nack) -> None:
        """The client will not have this version: it was not applied, and is not sent again."""
        entry = self.open[nack.name]
        entry.rejected = nack
        entry.owed = False
        entry.maybe = tuple(value for value in entry.maybe if version_of(value) != nack.version)
        entry.applied = tuple(one for one in entry.applied if version_of(one) != nack.version)
        entry.cohort = 0

    def abandon(self, name: str, entry: Entry) -> None:
        """`name` is gone, and the protocol has no word to tell."""
        if self.lingers:
            entry.ghost = entry.acked
        entry.acked = None
        entry.sent = ()
        self.settle(name, entry)

    def state(self, chosen: Mapping[str, Resource | None]) -> Iterator[Resource]:
        """All of the type once `chosen` is applied, each name at the value that the client has."""
        covered = self.covered()
        for name in covered if self.wildcard else sorted(covered):
            entry = self.open.get(name)
            if entry is None:
                value: Held = self.wanted(name)
            else:
                value = chosen.get(name, entry.known)
            if isinstance(value, Resource):
                yield value
        for name, entry in self.open.items():
            kept = None if name in covered else chosen.get(name, entry.known)
            if isinstance(kept, Resource):
                yield kept

    def doubtful(self, chosen: Mapping[str, Resource | None]) -> Iterator[tuple[str, Resource]]:
        """Names that a response with all of the type sets anew, because the client may have
        applied another value."""
        for name, entry in self.open.items():
            known = entry.known
            settled = name in chosen or entry.cohort
            if entry.maybe and not settled and isinstance(known, Resource):
                yield name, known

    def settle(self, name: str, entry: Entry) -> bool:
        """Close the entry if the client holds what it shall; whether nothing is to be sent."""
        target = self.target(name, entry.last)
        if entry.owed and isinstance(target, Claim):
            entry.owed = False  # nothing better is known than what the client has
        doubtful = bool(entry.maybe) and not entry.sent
        if entry.owed or doubtful or version_of(entry.last) != version_of(target):
            return False
        entry.since = None
        self.pending.pop(name, None)
        self.leaving.pop(name, None)
        kept = target is not None and self.goal.get(self.type_url, name) is None
        if kept and self.empties and target is not empty_assignment(name):
            return True
        if not entry.sent and entry.ghost is None:
            del self.open[name]
        return True

    def rests(self, name: str, entry: Entry) -> bool:
        """Whether there is nothing to send, or what there is was refused."""
        want = self.wanted(name, entry.last)
        return self.settle(name, entry) or (want is not None and entry.refuses(want))

    def unsettled(self, name: str, entry: Entry) -> bool:
        """Whether there is something for the client to hold that it did not acknowledge."""
        target = self.target(name, entry.last)
        return target is not None and (
            bool(entry.sent) or version_of(entry.acked) != target.version
        )

    def current(self) -> bool:
        """Whether the client acknowledged all that it shall hold (removals do not count)."""
        if self.open.lots:
            return False
        return not any(self.unsettled(name, entry) for name, entry in self.open.items())

    def held(self, name: str) -> Held:
        """What the client acknowledged."""
        entry = self.open.get(name)
        if entry is not None:
            return entry.acked
        return self.wanted(name) if self.covers(name) else None

    def has(self, name: str) -> bool:
        """Whether the client has any version of it, and be it one that it was told is gone."""
        entry = self.open.get(name)
        return self.held(name) is not None or (entry is not None and entry.ghost is not None)
