"""Resources and snapshots: identity, versions, differences, dangling references."""

from envoy.service.discovery.v3.discovery_pb2 import Resource as WireResource
from google.protobuf.any_pb2 import Any

from controlplane.xds.resources import (
    EMPTY_SNAPSHOT,
    Layer,
    Shelf,
    Snapshot,
    empty_assignment,
    resource,
)
from tests.fakes.world import World, assignment, cluster, listener, route
from translators.wire import ASSIGNMENT, CLUSTER, ROUTE, Packed


def test_a_resource_is_packed_for_both_variants() -> None:
    item = cluster("a")
    assert item.packed is not None
    wire = WireResource.FromString(item.wire)
    assert (wire.name, wire.version) == ("a", item.version)
    assert wire.resource == Any.FromString(item.any)
    assert wire.resource.value == item.packed.value


def test_the_version_is_that_of_the_content() -> None:
    same = [resource(Packed(CLUSTER, name, b"content")).version for name in "ab"]
    assert same[0] == same[1] != resource(Packed(CLUSTER, "a", b"other")).version


def test_a_shelf_wraps_a_packed_once() -> None:
    shelf = Shelf()
    packed = Packed(CLUSTER, "a", b"content")
    assert shelf.resource(packed) is shelf.resource(packed)
    assert shelf.resource(packed) is not shelf.resource(Packed(CLUSTER, "a", b"content"))


def test_an_empty_assignment_is_the_same_for_all() -> None:
    assert empty_assignment("a") is empty_assignment("a")
    assert (empty_assignment("a").type_url, empty_assignment("a").name) == (ASSIGNMENT, "a")


def test_changes_name_what_came_went_or_differs() -> None:
    world = World(cluster("a"), cluster("b"), cluster("c"), route("t"))
    before = world.snapshot()
    after = world.put(cluster("b", 2), cluster("d")).drop(CLUSTER, "a").snapshot()
    assert after.changes_since(before) == {CLUSTER: frozenset("abd")}
    assert after.changes_since(after) == {}
    assert before.changes_since(EMPTY_SNAPSHOT).keys() == {CLUSTER, ROUTE}


def test_a_difference_of_layers_is_computed_once() -> None:
    old, new = Layer({CLUSTER: {"a": cluster("a")}}), Layer({CLUSTER: {"a": cluster("a", 2)}})
    assert new.changes_since(old) is new.changes_since(old)


def test_an_equal_resource_of_another_identity_is_no_change() -> None:
    twin = resource(Packed(CLUSTER, "a", cluster("a").packed.value))  # type: ignore[union-attr]
    old, new = Layer({CLUSTER: {"a": cluster("a")}}), Layer({CLUSTER: {"a": twin}})
    assert new.changes_since(old) == {}


def test_an_earlier_layer_wins() -> None:
    own, shared = Layer({CLUSTER: {"a": cluster("a", 2)}}), Layer({CLUSTER: {"a": cluster("a")}})
    snapshot = Snapshot(1, (own, shared))
    assert snapshot.get(CLUSTER, "a") is cluster("a", 2)
    assert list(snapshot.names(CLUSTER)) == ["a"]
    assert snapshot.get(CLUSTER, "b") is None


def test_what_dangles_is_said() -> None:
    whole = World(cluster("a"), assignment("a"), listener("l", tables=("t",)), route("t"))
    assert whole.snapshot().consistent() == ()
    broken = World(cluster("a"), listener("l", tables=("t",), clusters=("x",)))
    assert broken.snapshot().consistent() == (
        "Listener l refers to cluster x, which is not sent",
        "Listener l refers to route table t, which is not sent",
        "Cluster a has no assignment",
    )
