"""Seats: one for each open stream. A seat holds one value, the newest snapshot, not a queue."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Protocol

from controlplane.xds.resources import EMPTY_SNAPSHOT, Snapshot
from controlplane.xds.session import Session
from translators.model import Proxy

_REMEMBERED = 10_000  # nodes whose last stream left clusters cold


class Audience(Protocol):
    """Who decides what a seat shall hold."""

    def joined(self, seat: "Seat", now: float) -> None:
        """A seat was taken: give it a snapshot, now or when there is one."""

    def left(self, seat: "Seat") -> None: ...


@dataclass(slots=True, eq=False)
class Seat:
    """A proxy on an open stream. `wake` tells its writer that there may be something to send."""

    id: str
    proxy: Proxy
    session: Session
    wake: Callable[[], None]
    since: datetime
    address: str = ""
    snapshot: Snapshot = EMPTY_SNAPSHOT
    landed: bool = False
    published: float = 0.0  # when the newest difference was put down (monotonic)

    def land(self, snapshot: Snapshot, now: float) -> None:
        """Put the newest snapshot down. The same layers under a new generation wake nobody."""
        moved = not self.landed or snapshot.layers != self.snapshot.layers
        self.snapshot, self.landed = snapshot, True
        self.session.publish(snapshot, now)
        if moved:
            self.published = now
            self.wake()


class Hub:
    """All seats. It decides nothing: the audience gives snapshots, the sessions the order."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._numbers = count(1)
        self._audience: Audience | None = None
        self._generation = 0
        # by node: clusters that the last stream left without their assignment
        self._cold: dict[str, Mapping[str, str]] = {}

    def attend(self, audience: Audience) -> None:
        self._audience = audience

    def join(
        self,
        proxy: Proxy,
        session: Session,
        *,
        wake: Callable[[], None],
        since: datetime,
        address: str,
        now: float,
    ) -> Seat:
        """Take a seat under `<node id>-<number>`, as istiod names connections."""
        seat = Seat(
            id=f"{proxy.id}-{next(self._numbers)}",
            proxy=proxy,
            session=session,
            wake=wake,
            since=since,
            address=address,
        )
        self._seats[seat.id] = seat
        if self._audience is not None:
            self._audience.joined(seat, now)
        return seat

    def leave(self, seat: Seat) -> None:
        if self._seats.pop(seat.id, None) is None:
            return
        cold = seat.session.cold()
        if cold:
            self._cold[seat.proxy.id] = cold
            while len(self._cold) > _REMEMBERED:
                del self._cold[next(iter(self._cold))]
        if self._audience is not None:
            self._audience.left(seat)

    def recall(self, node: str) -> Mapping[str, str]:
        """Clusters that the last stream of this node left cold; told once."""
        return self._cold.pop(node, {})

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats.values()))

    def __len__(self) -> int:
        return len(self._seats)

    def asked_for(self, type_url: str, names: frozenset[str]) -> frozenset[str]:
        """Those of `names` that some seat is subscribed to."""
        return frozenset(
            name
            for name in names
            if any(seat.session.subscribed(type_url, name) for seat in self._seats.values())
        )

    def seat(self, id: str) -> Seat | None:
        return self._seats.get(id)

    def reached(self, generation: int) -> None:
        """All seats hold what this generation says: those that it does not concern, already."""
        self._generation = generation

    def generation_of(self, seat: Seat, acknowledged: int | None) -> int | None:
        """`acknowledged` as people count: who has all of its newest snapshot is at the newest
        generation, though nothing was put down for it."""
        return self._generation if acknowledged == seat.snapshot.generation else acknowledged
