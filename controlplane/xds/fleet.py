"""Gates across the fleet: some seats are not sent something before others have acknowledged
something else. Certificates need it: whoever speaks waits until everybody listens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.xds.hub import Hub, Seat


@dataclass(frozen=True, slots=True)
class FleetGate:
    """`held` seats are not sent new versions of `names` (of `type_url`) before every seat of
    `until` that is still there has acknowledged `versions` (of `awaited`) by name.

    deadline  when it opens all the same (monotonic seconds)
    """

    id: str
    held: frozenset[str]
    type_url: str
    names: frozenset[str]
    until: frozenset[str]
    awaited: str
    versions: Mapping[str, str]
    deadline: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A gate that has opened; `lagging` seats had not acknowledged when the time ran out."""

    id: str
    lagging: tuple[str, ...] = ()


class FleetGates:
    """Closes gates on the sessions of a hub, and opens them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._gates: dict[str, FleetGate] = {}

    def close(self, gate: FleetGate) -> None:
        """Close `gate`, in the place of one of the same id."""
        self._gates[gate.id] = gate
        for seat in self._seats(gate.held):
            seat.session.hold(gate.id, gate.type_url, gate.names)

    def check(self, now: float) -> tuple[Opened, ...]:
        """Open what may open now: to be called after ACKs, and at `deadline`."""
        found = []
        for gate in list(self._gates.values()):
            lagging = tuple(seat.id for seat in self._seats(gate.until) if not _has(seat, gate))
            if lagging and now < gate.deadline:
                continue
            del self._gates[gate.id]
            for seat in self._seats(gate.held):
                seat.session.release(gate.id)
                seat.wake()
            found.append(Opened(gate.id, lagging))
        return tuple(found)

    def deadline(self) -> float | None:
        """When check() has something to do even if nobody acknowledges anything."""
        return min((gate.deadline for gate in self._gates.values()), default=None)

    def _seats(self, ids: Iterable[str]) -> Iterable[Seat]:
        """Those that are still there: one that left holds nobody up."""
        return (seat for id in sorted(ids) if (seat := self._hub.seat(id)) is not None)


def _has(seat: Seat, gate: FleetGate) -> bool:
    return all(
        seat.session.holds(gate.awaited, name) == version for name, version in gate.versions.items()
    )
