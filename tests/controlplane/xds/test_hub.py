"""Seats: who sits there, and what is put down."""

from datetime import UTC, datetime

from controlplane.xds.hub import Hub, Seat
from controlplane.xds.requests import Request
from controlplane.xds.resources import Layer, Snapshot
from controlplane.xds.session import Session
from tests.fakes import pipeline
from tests.fakes.world import assignment, cluster
from translators.wire import ASSIGNMENT, CLUSTER

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Audience:
    """Notes who comes and goes."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def joined(self, seat: Seat, now: float) -> None:
        self.seen.append(("joined", seat.id))

    def left(self, seat: Seat) -> None:
        self.seen.append(("left", seat.id))


def join(hub: Hub, woken: list[str]) -> Seat:
    return hub.join(
        pipeline.proxy(),
        Session(delta=True),
        wake=lambda: woken.append("woken"),
        since=NOW,
        address="ipv4:127.0.0.1:1",
        now=0.0,
    )


def snapshot(generation: int, layer: Layer) -> Snapshot:
    return Snapshot(generation, (layer,))


def layer() -> Layer:
    return Layer({CLUSTER: {"a": cluster("a")}, ASSIGNMENT: {"a": assignment("a")}})


def test_a_seat_is_named_as_istiod_names_connections() -> None:
    hub, woken = Hub(), list[str]()
    first, second = join(hub, woken), join(hub, woken)
    assert first.id == f"{first.proxy.id}-1"
    assert second.id == f"{first.proxy.id}-2"
    assert list(hub) == [first, second]
    hub.leave(first)
    assert join(hub, woken).id.endswith("-3")


def test_the_audience_is_told_once() -> None:
    hub, audience = Hub(), Audience()
    hub.attend(audience)
    seat = join(hub, [])
    hub.leave(seat)
    hub.leave(seat)
    assert audience.seen == [("joined", seat.id), ("left", seat.id)]
    assert len(hub) == 0


def test_the_newest_snapshot_counts_and_the_same_wakes_nobody() -> None:
    hub, woken = Hub(), list[str]()
    seat = join(hub, woken)
    same = layer()
    seat.land(snapshot(1, same), 1.0)
    assert woken == ["woken"]
    seat.land(snapshot(2, same), 2.0)
    assert woken == ["woken"]
    assert seat.snapshot.generation == 2
    assert seat.published == 1.0
    seat.land(snapshot(3, layer()), 3.0)
    assert woken == ["woken"] * 2
    assert seat.published == 3.0


def test_an_empty_snapshot_wakes_whoever_waits_for_a_first_one() -> None:
    hub, woken = Hub(), list[str]()
    seat = join(hub, woken)
    seat.land(Snapshot(0, ()), 1.0)
    assert seat.landed
    assert woken == ["woken"]


def test_a_seat_may_be_iterated_over_while_others_leave() -> None:
    hub, woken = Hub(), list[str]()
    seats = [join(hub, woken) for _ in range(3)]
    for seat in hub:
        hub.leave(seat)
    assert seats
    assert len(hub) == 0


def test_names_that_somebody_asks_for() -> None:
    hub, woken = Hub(), list[str]()
    seat = join(hub, woken)
    seat.session.request(Request(type_url=ASSIGNMENT, subscribe=("a",)), 0.0)
    join(hub, woken)
    assert hub.asked_for(ASSIGNMENT, frozenset("ab")) == {"a"}
    assert hub.asked_for(CLUSTER, frozenset("ab")) == frozenset()
