"""What `meshpilot ads` makes of its flags."""

import pytest
from google.protobuf import json_format

from cli.asking import node, type_url, wish
from controlplane.xds.node import proxy
from translators.model import ProxyType
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, SECRET


def test_a_node_is_one_that_a_server_knows() -> None:
    found = proxy(
        node(
            proxy="gw.v1.edge",
            ip="10.0.0.9",
            kind="router",
            labels={"app": "edge"},
            node_id="",
            metadata={"GENERATOR": "grpc", "ISTIO_VERSION": "1.29.0"},
        )
    )
    assert found.id == "router~10.0.0.9~gw.v1.edge~edge.svc.cluster.local"
    assert (found.type, found.name, found.namespace) == (ProxyType.ROUTER, "gw.v1", "edge")
    assert (found.ips, found.labels) == (("10.0.0.9",), {"app": "edge"})
    assert (found.generator, found.version) == ("grpc", "1.29.0")


def test_a_whole_node_id_says_all() -> None:
    written = "sidecar~10.0.0.7~cart-1.shop~shop.svc.cluster.local"
    made = node(proxy="a.b", ip="::1", kind="sidecar", labels={}, node_id=written, metadata={})
    assert not json_format.MessageToDict(made.metadata).keys() & {"NAME", "INSTANCE_IPS"}
    found = proxy(made)
    assert (found.id, found.ips) == (written, ("10.0.0.7",))
    assert (found.name, found.namespace) == ("cart-1", "shop")


def test_without_types_everything_that_a_proxy_asks_for() -> None:
    asked = wish([], [], [])
    assert asked.names == {CLUSTER: (), LISTENER: ()}
    assert asked.follow == {ASSIGNMENT, ROUTE}


def test_types_with_and_without_names() -> None:
    assert wish(["cds"], [], []).names == {CLUSTER: ()}
    assert wish(["rds"], ["80", "81"], []).names == {ROUTE: ("80", "81")}
    learned = wish(["eds", "rds"], [], [])
    assert learned.names == {CLUSTER: (), LISTENER: ()}
    assert learned.follow == {ASSIGNMENT, ROUTE}


def test_types_that_are_refused() -> None:
    assert wish([], [], ["rds=no", "CDS"]).refuse == {ROUTE: "no", CLUSTER: "refused on demand"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sds", SECRET),
        ("LDS", LISTENER),
        (CLUSTER, CLUSTER),
        ("envoy.config.cluster.v3.Cluster", CLUSTER),
        ("istio.io/debug", "istio.io/debug"),
    ],
)
def test_type_urls(written: str, meant: str) -> None:
    assert type_url(written) == meant
