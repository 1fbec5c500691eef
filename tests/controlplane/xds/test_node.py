"""Who asks, by Istio's node id and metadata."""

from dataclasses import replace
from typing import Any

import pytest
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from controlplane.xds.node import NodeError, NotAuthorisedError, proxy
from sds.identity import SpiffeId
from translators.bootstrap import Places, bootstrap
from translators.model import Interception, Locality, Proxy, ProxyType, SecretSource

ID = "sidecar~10.0.0.7~cart-1.shop~shop.svc.cluster.local"


def node(node_id: str = ID, **metadata: Any) -> Node:
    return json_format.ParseDict({"id": node_id, "metadata": metadata}, Node())


def test_what_a_bootstrap_says_is_understood() -> None:
    written = Proxy(
        id=ID,
        type=ProxyType.SIDECAR,
        ip="10.0.0.7",
        name="cart-1",
        namespace="shop",
        dns_domain="shop.svc.cluster.local",
        ips=("10.0.0.7", "fd00::7"),
        labels={"app": "cart"},
        service_account="carts",
        cluster_id="Kubernetes",
        version="1.31.0",
        generator="grpc",
        interception=Interception.NONE,
        locality=Locality("north", "n1", "a"),
    )
    described: Any = bootstrap(written, Places(discovery=("127.0.0.1", 15010)))["node"]
    found = json_format.ParseDict(described, Node())
    assert proxy(found) == replace(written, secrets=SecretSource.NONE)
    caller = SpiffeId("cluster.local", "shop", "carts")
    assert proxy(found, caller=caller) == replace(
        written, secrets=SecretSource.ADS, identity=str(caller)
    )


def test_the_id_is_enough() -> None:
    found = proxy(node())
    assert (found.type, found.ip, found.ips) == (ProxyType.SIDECAR, "10.0.0.7", ("10.0.0.7",))
    assert (found.name, found.namespace) == ("cart-1", "shop")
    assert found.dns_domain == "shop.svc.cluster.local"
    assert found.interception is Interception.REDIRECT
    assert found.labels == {}


def test_metadata_wins_over_the_id() -> None:
    found = proxy(node(NAMESPACE="other", NAME="another", INSTANCE_IPS="10.0.0.8, 10.0.0.7"))
    assert (found.name, found.namespace) == ("another", "other")
    assert found.ips == ("10.0.0.7", "10.0.0.8")


def test_a_name_with_dots_ends_in_its_namespace() -> None:
    found = proxy(node("router~10.0.0.7~gw.v1.edge~edge.svc.cluster.local"))
    assert (found.type, found.name, found.namespace) == (ProxyType.ROUTER, "gw.v1", "edge")


def test_a_name_without_namespace_takes_that_of_the_domain() -> None:
    found = proxy(node("sidecar~10.0.0.7~cart~shop.svc.cluster.local"))
    assert (found.name, found.namespace) == ("cart", "shop")


def test_metadata_of_another_shape_is_passed_over() -> None:
    found = proxy(
        node(LABELS=["app"], NAMESPACE=7, INTERCEPTION_MODE="SOMEHOW", INSTANCE_IPS=["10.0.0.8"])
    )
    assert (found.labels, found.namespace) == ({}, "shop")
    assert found.interception is Interception.REDIRECT
    assert found.ips == ("10.0.0.7",)
    assert proxy(node(LABELS={"app": "cart", "n": 1})).labels == {"app": "cart"}


def test_the_version_is_istios_else_envoys() -> None:
    assert proxy(node(ISTIO_VERSION="1.31.0")).version == "1.31.0"
    described = node()
    described.user_agent_version = "1.40"
    assert proxy(described).version == "1.40"
    described.user_agent_build_version.version.major_number = 1
    described.user_agent_build_version.version.minor_number = 40
    assert proxy(described).version == "1.40.0"


@pytest.mark.parametrize(
    ("node_id", "text"),
    [
        ("", "missing node information"),
        ("sidecar~10.0.0.9~p.x", 'missing parts in the service node "sidecar~10.0.0.9~p.x"'),
        ("a~b~c~d~e", 'missing parts in the service node "a~b~c~d~e"'),
        ("robot~1~p.x~x", "invalid node type (valid types: [sidecar router waypoint ztunnel])"),
        ("sidecar~1~p.x~" + "x" * 1024, "longer than 1024 characters"),
    ],
)
def test_what_cannot_be_a_node(node_id: str, text: str) -> None:
    with pytest.raises(NodeError) as caught:
        proxy(Node(id=node_id))
    assert text in str(caught.value)


def test_an_agent_beside_the_proxy_serves_secrets_unless_the_node_says_otherwise() -> None:
    caller = SpiffeId("cluster.local", "shop", "carts")
    assert proxy(node(NAMESPACE="shop"), caller=caller).secrets is SecretSource.AGENT
    assert proxy(node(NAMESPACE="shop")).secrets is SecretSource.AGENT


@pytest.mark.parametrize(
    ("metadata", "claimed"),
    [
        ({"NAMESPACE": "bank"}, "bank/"),
        ({"NAMESPACE": "shop", "SERVICE_ACCOUNT": "till"}, "shop/till"),
    ],
)
def test_nobody_is_taken_for_another_than_he_proved_to_be(
    metadata: dict[str, str], claimed: str
) -> None:
    caller = SpiffeId("cluster.local", "shop", "carts")
    with pytest.raises(NotAuthorisedError) as error:
        proxy(node(**metadata), caller=caller)
    assert str(error.value) == (
        "authorization failed: no identities "
        f"([spiffe://cluster.local/ns/shop/sa/carts]) matched {claimed}"
    )
