"""The xDS protocol of one stream, sans-io: requests and snapshots in, responses out.

One core for the incremental variant and for state of the world (SotW), which differs only in how a
request is read and in what a response has to repeat. It has no clock, no socket and no log.
"""

import math
from collections.abc import Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import Final

from controlplane.xds.entries import Flight, Item, version_of
from controlplane.xds.ledger import Ledger
from controlplane.xds.refusals import Refusals
from controlplane.xds.reports import Acked, Event, SessionStatus
from controlplane.xds.requests import Request
from controlplane.xds.resources import EMPTY_SNAPSHOT, Resource, Snapshot
from controlplane.xds.responses import Response, Splices
from controlplane.xds.rollout import BEFORE, Rollout, Timing
from controlplane.xds.selection import Choice, Selection
from controlplane.xds.standing import type_status
from controlplane.xds.subscription import WILDCARD_TYPES, delta_subscribe, sotw_subscribe
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, NOTHING, ROUTE, SECRET

_MAKE: Final = (CLUSTER, ASSIGNMENT, LISTENER, ROUTE)
_BREAK: Final = (LISTENER, ROUTE, CLUSTER, ASSIGNMENT)
_SORTED_FROM: Final = 33
_MANY: Final = 33  # names in a response whose ACK is worth a tidying up
_NO_LOT: Final[Mapping[str, Resource]] = {}
_NOTHING_COLD: Final[Mapping[str, str]] = {}


class Session:
    """One stream. Feed it with `request` and `publish`, then send what `poll` gives.

    delta       whether the stream is incremental
    full_state  SotW only: each response repeats all that is subscribed of its type (gRPC)
    splices     share one among all streams, so that equal responses are encoded once
    cold        `cold()` of the client's last stream, if that is known: a client that reconnects
                does not tell which of its clusters still wait for an assignment that it has
    """

    def __init__(
        self,
        *,
        delta: bool,
        timing: Timing = Timing(),
        stream: str = "",
        full_state: bool = False,
        splices: Splices | None = None,
        cold: Mapping[str, str] = _NOTHING_COLD,
    ) -> None:
        self.stream = stream
        self._delta = delta
        self._timing = timing
        self._full_state = full_state
        self._splices = Splices() if splices is None else splices
        self._books = {type_url: Ledger(type_url, lots=delta) for type_url in _MAKE}
        self._books[ROUTE].lingers = True
        self._rollout = Rollout(timing, self._books)
        self._goal: Snapshot | None = None
        self._started = False
        self._sequence = BEFORE
        self._rollout.before = cold
        self._refusals = Refusals(self._rollout)
        self._selection = Selection(self._rollout, delta)
        self._now = 0.0
        self._events: list[Event] = []

    # in

    def request(self, request: Request, now: float) -> None:
        """The client says something. Raises ProtocolError where no client may say that."""
        if not self._started:
            self._started = True
            self._rollout.start = now
        ledger = self._ledger(request.type_url)
        if request.type_url == CLUSTER:
            self._books[ASSIGNMENT].empties = True
        nonce = _number(request.nonce)
        if self._delta:
            flight = ledger.flights.pop(nonce, None)
            if flight is not None:
                self._answered(ledger, flight, request.error, now)
            delta_subscribe(ledger, self._rollout, request)
            return
        if nonce in ledger.flights:
            self._answered_up_to(ledger, nonce, request.error, now)
        if ledger.asked and request.nonce and ledger.latest and nonce != ledger.latest:
            return  # it crossed a newer response; the client will answer that too
        sotw_subscribe(ledger, self._rollout, request, full=self._full(ledger))

    def publish(self, snapshot: Snapshot, now: float) -> None:
        """The newest goal. It costs what changed since the last one."""
        before = EMPTY_SNAPSHOT if self._goal is None else self._goal
        changes = snapshot.changes_since(before)
        for type_url, ledger in self._books.items():
            ledger.advance(snapshot, changes.get(type_url, NOTHING))
        self._goal = snapshot
        self._now = now

    # out

    def poll(self, now: float) -> tuple[Response, ...]:
        """All that may go out now, in order. It counts as sent."""
        self._now = now
        self._selection.wake = math.inf
        if self._goal is None:
            return ()
        out: list[Response] = []
        self._rollout.prune(now)
        self._rollout.unsent = NOTHING
        for type_url in _MAKE:
            out.extend(self._make(self._books[type_url], now))
        for type_url, ledger in self._books.items():
            if type_url not in _MAKE:
                out.extend(self._make(ledger, now))
                out.extend(self._break(ledger, now))
        for type_url in _BREAK:
            out.extend(self._break(self._books[type_url], now))
        self._events.extend(self._selection.waited)
        self._selection.waited.clear()
        self._count()
        return tuple(out)

    def deadline(self) -> float | None:
        """When `poll` has something to do even if nothing happens."""
        return None if math.isinf(self._selection.wake) else self._selection.wake

    def events(self) -> tuple[Event, ...]:
        """What happened since the last call."""
        drained = tuple(self._events)
        self._events.clear()
        return drained

    def holds(self, type_url: str, name: str) -> str | None:
        """The version of `name` that the client acknowledged last."""
        ledger = self._books.get(type_url)
        return None if ledger is None else version_of(ledger.held(name))

    def reached(self, type_url: str, generation: int) -> bool:
        """Whether the client has acknowledged all of this type that it should hold, at this
        generation or as it is now; who does not ask for the type lags behind nothing."""
        ledger = self._books.get(type_url)
        if ledger is None or not ledger.asked or ledger.current():
            return True
        return ledger.generation is not None and ledger.generation >= generation

    def subscribed(self, type_url: str, name: str) -> bool:
        ledger = self._books.get(type_url)
        return ledger is not None and ledger.covers(name)

    def cold(self) -> Mapping[str, str]:
        """Clusters that were sent and are not known to be warm, and the version sent: for the
        client's next stream."""
        sent = dict.fromkeys(self._rollout.bare) | self._rollout.cold
        clusters = self._books[CLUSTER]
        # what the stream before left stays open until the client says what it has
        found = {} if clusters.asked else dict(self._rollout.before)
        for name in sent:
            entry = clusters.open.get(name)
            last = clusters.wanted(name) if entry is None else entry.last
            if last is not None and clusters.covers(name):
                found[name] = last.version
        return found

    def status(self) -> SessionStatus:
        """The stream for people; costs what the client holds."""
        return SessionStatus(
            self.stream,
            tuple(
                type_status(ledger, self._rollout, self._now)
                for ledger in self._books.values()
                if ledger.asked
            ),
        )

    def open_names(self) -> int:
        """How many names are not settled, over all types."""
        return sum(len(ledger.open) for ledger in self._books.values())

    # the answers of the client

    def _answered(self, ledger: Ledger, flight: Flight, error: str | None, now: float) -> None:
        if error is not None:
            self._events.append(self._refusals.refused(ledger, flight, error))
            return
        landed = ledger.land(flight)
        self._rollout.landed(ledger.type_url, flight.sequence, landed, now)
        lot = ledger.land_lot(flight)
        self._rollout.landed_lot(ledger.type_url, flight.sequence, lot)
        if len(flight.items) + len(flight.lot) >= _MANY:
            for book in self._books.values():
                book.slim()
            self._rollout.slim()

    def _answered_up_to(self, ledger: Ledger, nonce: int, error: str | None, now: float) -> None:
        # a SotW client may answer only the last of several responses
        for sequence in [number for number in ledger.flights if number <= nonce]:
            flight = ledger.flights.pop(sequence)
            self._answered(ledger, flight, error if sequence == nonce else None, now)

    # what may go

    def _make(self, ledger: Ledger, now: float) -> Iterator[Response]:
        """Responses with what is new or changed."""
        if not (ledger.pending or ledger.answer or ledger.open.waiting):
            return
        if self._outstanding(ledger, now):
            self._unsent(ledger)
            return
        groups = self._selection.additions(ledger, now)
        lots = self._selection.lots(ledger)
        leaving = list(ledger.leaving)
        for key in sorted(groups.keys() | lots.keys()):
            chosen = groups.get(key, [])
            if ledger.type_url == LISTENER:
                chosen.extend(list(self._selection.replaced(ledger, leaving, chosen)))
            yield self._send(ledger, chosen, now, lots.get(key, {}))
            if not self._delta:
                break
        if ledger.answer and not ledger.pending:
            yield self._send(ledger, [], now)
        self._unsent(ledger)

    def _break(self, ledger: Ledger, now: float) -> Iterator[Response]:
        """Responses that remove."""
        if not ledger.leaving or self._outstanding(ledger, now):
            return
        chosen = self._selection.removals(ledger, now)
        if chosen:
            yield self._send(ledger, chosen, now)

    def _outstanding(self, ledger: Ledger, now: float) -> bool:
        """Whether a SotW client has to answer first."""
        if self._delta or ledger.anew or not ledger.flights:
            return False
        until = max(flight.at for flight in ledger.flights.values()) + self._timing.stage_wait
        if now >= until:
            return False
        self._selection.wake = min(self._selection.wake, until)
        return True

    def _unsent(self, ledger: Ledger) -> None:
        """Clusters that could not go yet are not warm either."""
        if ledger.type_url == CLUSTER and ledger.wildcard:
            self._rollout.unsent = frozenset(
                name
                for name in list(ledger.pending)
                if (entry := ledger.open.get(name)) is not None and not ledger.rests(name, entry)
            )

    # sending

    def _send(
        self,
        ledger: Ledger,
        chosen: list[Choice],
        now: float,
        lot: Mapping[str, Resource] = _NO_LOT,
    ) -> Response:
        if len(chosen) >= _SORTED_FROM:
            # whatever order the client asked in, equal responses are equal bytes
            chosen.sort(key=itemgetter(0))
        if self._full(ledger):
            chosen = [*chosen, *ledger.doubtful(dict(chosen))]
        self._sequence += 1
        items = tuple(map(Item._make, chosen))
        if self._full(ledger):
            resources = tuple(ledger.state(dict(chosen)))
        else:
            resources = tuple(value for _, value in chosen if value is not None)
        if lot:
            resources += tuple(lot.values())
            if len(resources) >= _SORTED_FROM:
                resources = tuple(sorted(resources, key=attrgetter("name")))
        ledger.launch(Flight(self._sequence, now, items, tuple(lot.values())))
        self._rollout.sent(ledger.type_url, self._sequence, items)
        self._rollout.sent_lot(ledger.type_url, self._sequence, lot)
        return Response(
            type_url=ledger.type_url,
            nonce=str(self._sequence),
            generation=ledger.goal.generation,
            resources=resources,
            removed=tuple(name for name, value in chosen if value is None),
            delta=self._delta,
            splices=self._splices,
        )

    def _full(self, ledger: Ledger) -> bool:
        return not self._delta and (self._full_state or ledger.type_url in WILDCARD_TYPES)

    def _count(self) -> None:
        """Tell which types have reached the goal."""
        for ledger in self._books.values():
            generation = ledger.goal.generation
            if ledger.asked and ledger.generation != generation and ledger.current():
                ledger.generation = generation
                self._events.append(Acked(ledger.type_url, generation))

    def _ledger(self, type_url: str) -> Ledger:
        ledger = self._books.get(type_url)
        if ledger is None:
            ledger = self._books[type_url] = Ledger(type_url, patient=type_url == SECRET)
            if self._goal is not None:
                ledger.goal = self._goal
        return ledger


def _number(nonce: str) -> int:
    """The sequence number in a nonce of ours; -1 for any other text."""
    return int(nonce) if nonce.isascii() and nonce.isdecimal() and len(nonce) < 20 else -1
