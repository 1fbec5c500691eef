"""What a sidecar serves: by the endpoints that have its address, or as its Sidecar says."""

from typing import Any

from controlplane.convergence import own_view, place
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import (
    Discovery,
    HttpConnection,
    Interception,
    Proxy,
    TcpForward,
    View,
)

ADDRESS = "127.0.60.11"


def served(made: Pipeline, viewer: Proxy) -> View:
    return own_view(place(made.world, viewer).own)


def mesh() -> Pipeline:
    made = Pipeline()
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"] = [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "tcp", "port": 90, "targetPort": 9000},
    ]
    made.put(service, shop.pod("v1", ADDRESS, app="web"))
    return made


def test_captured_ports_are_chains_of_one_listener() -> None:
    view = served(mesh(), proxy("v1", ip=ADDRESS))
    chains = {chain.name: chain for chain in view.listeners["virtualInbound"].chains}
    assert isinstance(chains["0.0.0.0_8080"].handler, HttpConnection)
    assert isinstance(chains["0.0.0.0_9000"].handler, TcpForward)
    assert view.clusters["inbound|8080||"].discovery is Discovery.ORIGINAL_DST


def test_without_capture_each_port_has_a_listener_on_the_pods_address() -> None:
    view = served(mesh(), proxy("v1", ip=ADDRESS, interception=Interception.NONE))
    assert set(view.listeners) == {f"{ADDRESS}_8080", f"{ADDRESS}_9000"}
    (endpoint,) = view.clusters["inbound|8080||"].endpoints
    assert (endpoint.address, endpoint.port) == ("127.0.0.1", 8080)


def test_replicas_share_what_does_not_depend_on_their_address() -> None:
    made = mesh()
    made.put(shop.pod("v2", "127.0.60.12", app="web"))
    one, other = proxy("v1", ip=ADDRESS), proxy("v2", ip="127.0.60.12")
    assert served(made, one) is served(made, other)


def test_a_workload_that_nothing_selects_serves_nothing() -> None:
    view = served(mesh(), proxy("client", ip="127.0.60.99"))
    assert len(view.listeners["virtualInbound"].chains) == 6
    assert set(view.clusters) == {"InboundPassthroughCluster"}


def test_ingress_listeners_replace_what_services_say() -> None:
    made = mesh()
    made.put(ingress({"port": 7000, "defaultEndpoint": "127.0.0.1:7001"}, {"port": 7002}))
    view = served(made, proxy("v1", ip=ADDRESS, labels={"app": "web"}))
    names = {chain.name for chain in view.listeners["virtualInbound"].chains}
    assert {"0.0.0.0_7000", "0.0.0.0_7002"} <= names
    assert "0.0.0.0_8080" not in names
    assert view.clusters["inbound|7000||"].endpoints[0].port == 7001
    assert view.clusters["inbound|7002||"].discovery is Discovery.ORIGINAL_DST


def test_an_ingress_listener_may_bind_without_capture() -> None:
    made = mesh()
    bound = {"port": 7000, "captureMode": "NONE", "bind": ADDRESS}
    made.put(ingress({**bound, "defaultEndpoint": "0.0.0.0:7001"}))
    view = served(made, proxy("v1", ip=ADDRESS, interception=Interception.NONE))
    assert set(view.listeners) == {f"{ADDRESS}_7000"}
    (endpoint,) = view.clusters["inbound|7000||"].endpoints
    assert (endpoint.address, endpoint.port) == (ADDRESS, 7001)


def test_the_pods_labels_win_over_the_proxys_own() -> None:
    made = mesh()
    made.put(ingress({"port": 7000}))
    viewer = proxy("v1", ip=ADDRESS, labels={"app": "something-else"})
    assert "inbound|7000||" in served(made, viewer).clusters
    # found by its address where no Pod has its name
    assert "inbound|7000||" in served(made, proxy("unknown", ip=ADDRESS)).clusters


def ingress(*listeners: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": shop.meta("web"),
        "spec": {
            "workloadSelector": {"labels": {"app": "web"}},
            "ingress": [
                {**one, "port": {"number": one["port"], "protocol": "HTTP", "name": "http"}}
                for one in listeners
            ],
            "egress": [{"hosts": ["./*"]}],
        },
    }
