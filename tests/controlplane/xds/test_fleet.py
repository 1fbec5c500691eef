"""Gates across seats: nobody is sent something before others have acknowledged something else."""

from datetime import UTC, datetime

from controlplane.xds.fleet import FleetGate, FleetGates, Opened
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.requests import Request
from controlplane.xds.resources import Layer, Snapshot
from controlplane.xds.session import Session
from tests.fakes import pipeline
from tests.fakes.world import cluster
from translators.wire import CLUSTER

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Fleet:
    """Three seats that hold cluster `c` at number 1; number 2 is their new goal."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.gates = FleetGates(self.hub)
        self.woken: list[str] = []
        self.seats = [self._join(name) for name in ("one", "two", "late")]

    def _join(self, name: str) -> Seat:
        session = Session(delta=True)
        seat = self.hub.join(
            pipeline.proxy(name),
            session,
            wake=lambda: self.woken.append(name),
            since=NOW,
            address="",
            now=0.0,
        )
        session.publish(snapshot(1), 0.0)
        session.request(Request(type_url=CLUSTER, subscribe=("c",)), 0.0)
        self.answer(seat)
        return seat

    def answer(self, seat: Seat) -> list[str]:
        """Acknowledge what the seat is sent now; the versions in it."""
        versions = []
        for response in seat.session.poll(1.0):
            versions += [item.version for item in response.resources]
            seat.session.request(Request(type_url=CLUSTER, nonce=response.nonce), 1.0)
        return versions

    def close(self) -> None:
        one, two, late = self.seats
        self.gates.close(
            FleetGate(
                id="g",
                held=frozenset({late.id}),
                type_url=CLUSTER,
                names=frozenset({"c"}),
                until=frozenset({one.id, two.id}),
                awaited=CLUSTER,
                versions={"c": cluster("c", 2, eds=False).version},
                deadline=10.0,
            )
        )
        for seat in self.seats:
            seat.session.publish(snapshot(2), 1.0)


def snapshot(number: int) -> Snapshot:
    return Snapshot(number, (Layer({CLUSTER: {"c": cluster("c", number, eds=False)}}),))


def test_the_held_seat_waits_until_all_others_have_acknowledged() -> None:
    fleet = Fleet()
    fleet.close()
    one, two, late = fleet.seats
    assert fleet.answer(late) == []
    assert fleet.answer(one) == [cluster("c", 2, eds=False).version]
    assert fleet.gates.check(2.0) == ()
    assert fleet.answer(late) == []
    fleet.answer(two)
    assert fleet.gates.check(3.0) == (Opened("g"),)
    assert fleet.woken == ["late"]
    assert fleet.answer(late) == [cluster("c", 2, eds=False).version]
    assert fleet.gates.deadline() is None


def test_a_gate_opens_at_its_deadline_and_says_who_lagged() -> None:
    fleet = Fleet()
    fleet.close()
    one, two, late = fleet.seats
    fleet.answer(one)
    assert fleet.gates.deadline() == 10.0
    assert fleet.gates.check(9.9) == ()
    assert fleet.gates.check(10.0) == (Opened("g", (two.id,)),)
    assert fleet.answer(late) == [cluster("c", 2, eds=False).version]


def test_who_has_left_holds_nobody_up() -> None:
    fleet = Fleet()
    fleet.close()
    one, two, late = fleet.seats
    fleet.answer(one)
    fleet.hub.leave(two)
    assert fleet.gates.check(2.0) == (Opened("g"),)
    assert fleet.answer(late)
