"""What a bootstrap says; that Envoy takes it is shown in tests/e2e."""

import json
from typing import Any

import pytest

from translators.bootstrap import Places, Protocol, bootstrap, node_id
from translators.model import Interception, Locality, Proxy, ProxyType


def proxy(kind: ProxyType = ProxyType.SIDECAR, **rest: object) -> Proxy:
    values: dict[str, object] = {
        "id": node_id(kind, ip="10.0.0.7", name="cart-1", namespace="shop"),
        "type": kind,
        "ip": "10.0.0.7",
        "name": "cart-1",
        "namespace": "shop",
        "dns_domain": "shop.svc.cluster.local",
        "service_account": "cart",
        "labels": {"app": "cart", "version": "v1"},
    }
    return Proxy(**(values | rest))  # type: ignore[arg-type]


def said(
    of: Proxy, *, discovery: tuple[str, int] = ("127.0.0.1", 15010), **rest: object
) -> dict[str, Any]:
    places = Places(discovery, **rest)  # type: ignore[arg-type]
    content: dict[str, Any] = json.loads(json.dumps(bootstrap(of, places, workload="cart")))
    return content


def test_the_node_is_known_to_istio() -> None:
    node = said(proxy(interception=Interception.NONE, ips=("10.0.0.7", "fd00::7")))["node"]
    assert node["id"] == "sidecar~10.0.0.7~cart-1.shop~shop.svc.cluster.local"
    assert node["cluster"] == "cart.shop"
    assert "locality" not in node
    metadata = node["metadata"]
    assert metadata.pop("PROXY_CONFIG")["discoveryAddress"] == "127.0.0.1:15010"
    assert metadata == {
        "NAME": "cart-1",
        "NAMESPACE": "shop",
        "WORKLOAD_NAME": "cart",
        "SERVICE_ACCOUNT": "cart",
        "MESHPILOT_SECRETS": "ads",
        "CLUSTER_ID": "Kubernetes",
        "MESH_ID": "cluster.local",
        "ISTIO_VERSION": "1.31.0",
        "INSTANCE_IPS": "10.0.0.7,fd00::7",
        "INTERCEPTION_MODE": "NONE",
        "LABELS": {"app": "cart", "version": "v1"},
    }


def test_a_router_and_its_place() -> None:
    node = said(proxy(ProxyType.ROUTER, locality=Locality("north", "n1"), generator="grpc"))["node"]
    assert node["id"].startswith("router~")
    assert node["locality"] == {"region": "north", "zone": "n1"}
    assert node["metadata"]["GENERATOR"] == "grpc"


@pytest.mark.parametrize(
    ("protocol", "api_type"), [(Protocol.DELTA, "DELTA_GRPC"), (Protocol.SOTW, "GRPC")]
)
def test_the_protocol(protocol: Protocol, api_type: str) -> None:
    ads = said(proxy(), protocol=protocol)["dynamic_resources"]["ads_config"]
    assert ads["api_type"] == api_type
    assert ads["set_node_on_first_message_only"] is True


@pytest.mark.parametrize(
    ("host", "kind", "text"),
    [
        ("127.0.0.1", "STATIC", "127.0.0.1:15010"),
        ("::1", "STATIC", "[::1]:15010"),
        ("meshpilot.example", "STRICT_DNS", "meshpilot.example:15010"),
    ],
)
def test_the_control_plane_by_address_or_name(host: str, kind: str, text: str) -> None:
    content = said(proxy(), discovery=(host, 15010))
    (cluster,) = content["static_resources"]["clusters"]
    assert cluster["type"] == kind
    assert content["node"]["metadata"]["PROXY_CONFIG"]["discoveryAddress"] == text


def test_admin_and_runtime() -> None:
    content = said(proxy(), admin=("127.0.0.2", 15001))
    assert content["admin"]["address"]["socket_address"] == {
        "address": "127.0.0.2",
        "port_value": 15001,
    }
    runtime = content["layered_runtime"]["layers"][0]["static_layer"]
    assert runtime["re2.max_program_size.error_level"] == "32768"


def test_a_proxy_comes_back_soon() -> None:
    ads = said(proxy())["dynamic_resources"]["ads_config"]
    (service,) = ads["grpc_services"]
    assert service["envoy_grpc"]["retry_policy"]["retry_back_off"]["max_interval"] == "3s"
