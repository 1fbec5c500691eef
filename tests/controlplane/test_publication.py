"""World -> snapshots on seats: what is shared, what is kept, what is given up."""

from datetime import UTC, datetime

from controlplane.publication import Publication
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.resources import Shelf
from controlplane.xds.session import Session
from tests.fakes import pipeline, shop
from tests.fakes.pipeline import Pipeline
from translators.model import Proxy
from translators.wire import ASSIGNMENT, CLUSTER, ROUTE

V1 = f"outbound|9080|v1|{shop.HOST}"


class Stand:
    """Documents in front, seats at the end."""

    def __init__(self) -> None:
        self.worlds = Pipeline()
        self.hub = Hub()
        self.publication = Publication(self.hub, memo=self.worlds.memo, shelf=Shelf())
        self.hub.attend(self.publication)
        self.woken: list[str] = []
        self.now = 0.0

    def join(self, proxy: Proxy) -> Seat:
        return self.hub.join(
            proxy,
            Session(delta=True),
            wake=lambda: self.woken.append(proxy.name),
            since=datetime(2026, 1, 1, tzinfo=UTC),
            address="",
            now=self.now,
        )

    def put(self, *documents: pipeline.Document) -> None:
        self.woken.clear()
        self.now += 1
        self.publication.publish(self.worlds.put(*documents), self.now)
        for seat in self.hub:
            assert seat.snapshot.consistent() == ()


def shopful() -> list[pipeline.Document]:
    return [
        shop.service("web", {"app": "web"}),
        shop.rule({"v1": "v1", "v2": "v2"}),
        *(shop.pod(n, shop.PLACES[n][0], app="web", version=n) for n in ("v1", "v2")),
        shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False),
    ]


def sidecar(name: str, address: str = "10.0.0.1", **labels: str) -> Proxy:
    return pipeline.proxy(name, ip=address, labels=labels)


def test_a_seat_waits_for_the_first_world() -> None:
    stand = Stand()
    seat = stand.join(sidecar("one"))
    assert not seat.landed
    stand.put(*shopful())
    assert seat.landed
    assert seat.snapshot.get(CLUSTER, V1) is not None
    assert stand.woken == ["one"]


def test_those_who_see_the_same_share_layers_and_resources() -> None:
    stand = Stand()
    stand.put(*shopful())
    one, two = stand.join(sidecar("one")), stand.join(sidecar("two", "10.0.0.2"))
    assert stand.publication.groups == 1
    assert one.snapshot.layers[1] is two.snapshot.layers[1]
    far = stand.join(pipeline.proxy("far", namespace="far", ip="10.0.0.3"))
    assert stand.publication.groups == 2
    assert far.snapshot.layers[1] is not one.snapshot.layers[1]
    # clusters are the same objects for both groups, names in routes are not
    assert far.snapshot.get(CLUSTER, V1) is one.snapshot.get(CLUSTER, V1)
    assert far.snapshot.get(ROUTE, "9080") is not one.snapshot.get(ROUTE, "9080")


def test_only_what_changed_is_another_resource_and_only_then_somebody_is_woken() -> None:
    stand = Stand()
    stand.put(*shopful())
    seat = stand.join(sidecar("one"))
    before = seat.snapshot
    stand.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    assert stand.woken == ["one"]
    assert seat.snapshot.changes_since(before) == {ROUTE: {"9080"}}
    assert seat.snapshot.get(CLUSTER, V1) is before.get(CLUSTER, V1)
    again = seat.snapshot
    stand.put(shop.pod("lonely", "10.9.9.9", app="lonely"))
    assert stand.woken == []
    # nothing was put down for it, and it is up to date all the same
    assert seat.snapshot is again
    newest = stand.worlds.world.generation
    assert newest > again.generation
    assert stand.hub.generation_of(seat, again.generation) == newest
    assert stand.hub.generation_of(seat, before.generation) == before.generation


def test_a_backend_changes_assignments_only() -> None:
    stand = Stand()
    stand.put(*shopful())
    seat = stand.join(sidecar("one"))
    before = seat.snapshot
    stand.put(shop.pod("v1b", shop.PLACES["v1b"][0], app="web", version="v1"))
    assert seat.snapshot.changes_since(before) == {ASSIGNMENT: {V1, f"outbound|9080||{shop.HOST}"}}


def test_a_group_is_given_up_with_its_last_seat() -> None:
    stand = Stand()
    stand.put(*shopful())
    one, two = stand.join(sidecar("one")), stand.join(sidecar("two", "10.0.0.2"))
    stand.hub.leave(one)
    assert stand.publication.groups == 1
    stand.hub.leave(two)
    assert stand.publication.groups == 0


def test_a_seat_moves_when_its_scope_does() -> None:
    stand = Stand()
    stand.put(*shopful())
    client = stand.join(sidecar("client", app="client"))
    other = stand.join(sidecar("other", "10.0.0.2", app="other"))
    assert stand.publication.groups == 1
    stand.put(shop.sidecar(9080))
    assert stand.publication.groups == 2
    assert client.snapshot.layers[1] is not other.snapshot.layers[1]
    stand.woken.clear()
    stand.publication.publish(stand.worlds.delete(("Sidecar", "client")), 9.0)
    assert stand.publication.groups == 1
    assert client.snapshot.layers[1] is other.snapshot.layers[1]


def test_an_inbound_port_is_a_layer_of_its_own() -> None:
    stand = Stand()
    stand.put(*shopful())
    served = stand.join(sidecar("v1", shop.PLACES["v1"][0], app="web"))
    other = stand.join(sidecar("one"))
    assert served.snapshot.layers[1] is other.snapshot.layers[1]
    assert served.snapshot.get(CLUSTER, "inbound|9080||") is not None
    assert other.snapshot.get(CLUSTER, "inbound|9080||") is None
    # its Pod goes: the port goes, and nothing else of it
    stand.publication.publish(stand.worlds.delete(("Pod", "v1")), 9.0)
    assert served.snapshot.get(CLUSTER, "inbound|9080||") is None
