from collections.abc import Iterable

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from google.protobuf.message import Message

from bench.member import Knowledge, Member
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE


def response(type_url: str, *, removed: Iterable[str] = (), **found: Message | None) -> bytes:
    made = DeltaDiscoveryResponse(type_url=type_url, nonce="n", removed_resources=removed)
    for name, content in found.items():
        one = made.resources.add(name=name, version="1")
        if content is not None:
            one.resource.Pack(content)
    return bytes(made.SerializeToString())


def listener(table: str) -> Listener:
    manager = http.HttpConnectionManager()
    manager.rds.route_config_name = table
    made = Listener()
    made.filter_chains.add().filters.add().typed_config.Pack(manager)
    return made


def member() -> Member:
    return Member(0, b"", Knowledge(), lambda *_: None)


def said(one: Member, data: bytes) -> list[tuple[str, list[str], str]]:
    """Type, names and answered nonce of each request."""
    requests = [DeltaDiscoveryRequest.FromString(found) for found in one._answers(data, 5.0)]
    return [
        (found.type_url, list(found.resource_names_subscribe), found.response_nonce)
        for found in requests
    ]


def test_it_starts_as_envoy_does() -> None:
    one = member()
    one._first(CLUSTER)
    clusters = response(CLUSTER, a=Cluster(type=Cluster.EDS), b=Cluster(type=Cluster.STATIC))
    assert said(one, clusters) == [(ASSIGNMENT, ["a"], ""), (CLUSTER, [], "n")]
    assert said(one, response(ASSIGNMENT, a=None)) == [(ASSIGNMENT, [], "n"), (LISTENER, [], "")]
    assert said(one, response(LISTENER, l=listener("t80"))) == [
        (ROUTE, ["t80"], ""),
        (LISTENER, [], "n"),
    ]
    assert one.complete == 0
    assert said(one, response(ROUTE, t80=None)) == [(ROUTE, [], "n")]
    assert one.complete == 5.0


def test_it_waits_for_all_assignments() -> None:
    one = member()
    one._first(CLUSTER)
    eds = Cluster(type=Cluster.EDS)
    said(one, response(CLUSTER, a=eds, b=eds))
    assert said(one, response(ASSIGNMENT, a=None)) == [(ASSIGNMENT, [], "n")]
    assert (LISTENER, [], "") in said(one, response(ASSIGNMENT, b=None))


def test_it_comes_back_with_what_it_holds() -> None:
    one = member()
    one._first(CLUSTER)
    said(one, response(CLUSTER, a=Cluster(type=Cluster.EDS), gone=Cluster()))
    said(one, response(ASSIGNMENT, a=None))
    said(one, response(CLUSTER, removed=["gone"]))
    requests = [DeltaDiscoveryRequest.FromString(found) for found in one._resumed()]
    assert [
        (
            found.type_url,
            list(found.resource_names_subscribe),
            dict(found.initial_resource_versions),
        )
        for found in requests
    ] == [
        (CLUSTER, [], {"a": "1"}),
        (ASSIGNMENT, ["a"], {"a": "1"}),
        (LISTENER, [], {}),
        (ROUTE, [], {}),
    ]


def test_what_all_refer_to_is_decoded_once() -> None:
    knowledge = Knowledge()
    data = response(CLUSTER, a=Cluster(type=Cluster.EDS))
    assert knowledge.clusters({"a": "1"}, data) == ("a",)
    # known by name: the bytes are not looked at again
    assert knowledge.clusters({"a": "1"}, b"\xff") == ("a",)
    assert knowledge.subscription(ASSIGNMENT, ("a",)) is knowledge.subscription(ASSIGNMENT, ("a",))
