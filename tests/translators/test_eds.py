"""Assignments against recorded ones; order, weights and names of workloads."""

import pytest
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.decoder import ClusterLoadAssignment as Decoded
from tests.translators.decoder import decode
from tests.translators.recordings import assert_same, recorded
from translators import eds
from translators.model import Assignment, Endpoint, Health, Locality


def pod(address: str, port: int, name: str, namespace: str, **rest: object) -> Endpoint:
    app, _, version = name.partition("-")
    values: dict[str, object] = {
        "labels": {"app": app, "version": version.partition("-")[0]},
        "workload": name,
        "namespace": namespace,
        "owner": name,
    }
    return Endpoint(address, port, **(values | rest))  # type: ignore[arg-type]


CASES = {
    "pa-namespace-disable/client/outbound|80||w.pa.svc.cluster.local": (
        pod("10.44.164.1", 8080, "w-v1", "pa"),
    ),
    "full-story/web-v1/outbound|80||cart.store.svc.cluster.local": (
        pod("10.44.205.2", 8080, "cart-v1", "store"),
        pod("10.44.205.3", 8080, "cart-v1-1", "store"),
        pod("10.44.205.4", 8080, "cart-v2", "store"),
    ),
    "svc-traffic-fields/near/outbound|8080||w.tf.svc.cluster.local": (
        pod("10.44.79.3", 8080, "w-v1-2", "tf", locality=Locality("south", "s1", "c")),
        pod("10.44.79.2", 8080, "w-v1-1", "tf", locality=Locality("north", "n2", "b")),
        pod("10.44.79.1", 8080, "w-v1", "tf", locality=Locality("north", "n1", "a")),
    ),
    "svc-two-slices/client/outbound|80||split.tf.svc.cluster.local": (
        Endpoint("10.44.80.77", 8080),
        pod("10.44.80.1", 8080, "split-v1", "tf"),
        pod("10.44.80.2", 8080, "split-v1-1", "tf"),
    ),
    "dr-subset-selection/client/outbound|80|void|s.sel.svc.cluster.local": (),
}


@pytest.mark.parametrize("key", CASES)
def test_recorded(key: str) -> None:
    assignment = Assignment(key.split("/", 2)[2], CASES[key])
    packed = eds.translate(assignment)
    assert_same(packed.value, recorded("endpoints", key, ClusterLoadAssignment))
    assert packed.name == assignment.cluster
    assert packed.unit is assignment


@given(st.permutations(CASES["svc-traffic-fields/near/outbound|8080||w.tf.svc.cluster.local"]))
def test_order_of_endpoints_does_not_matter(endpoints: list[Endpoint]) -> None:
    first = eds.translate(Assignment("c", tuple(endpoints))).value
    assert first == eds.translate(Assignment("c", tuple(sorted(endpoints, key=str)))).value


def test_health_and_weight() -> None:
    endpoints = (
        Endpoint("10.0.0.1", 80, weight=3),
        Endpoint("10.0.0.2", 80, weight=0, health=Health.UNHEALTHY),
    )
    decoded = decode(Decoded, eds.translate(Assignment("c", endpoints)).value)
    (group,) = decoded.endpoints
    assert group.load_balancing_weight == 4  # a weight of 0 would be refused by Envoy
    assert [item.load_balancing_weight for item in group.lb_endpoints] == [3, 1]
    assert [item.health_status.name for item in group.lb_endpoints] == ["HEALTHY", "UNHEALTHY"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "w-1;ns;w-1;;Kubernetes"),
        ({"app": "a", "version": "latest"}, "w-1;ns;a;;Kubernetes"),
        ({"app": "a", "app.kubernetes.io/name": "b", "version": "2"}, "w-1;ns;b;2;Kubernetes"),
        (
            {
                "app.kubernetes.io/name": "b",
                "service.istio.io/canonical-name": "c",
                "app.kubernetes.io/version": "3",
                "service.istio.io/canonical-revision": "4",
            },
            "w-1;ns;c;4;Kubernetes",
        ),
    ],
)
def test_workload(labels: dict[str, str], expected: str) -> None:
    assert eds.workload(pod("10.0.0.1", 80, "w-1", "ns", labels=labels)) == expected


def test_endpoints_say_that_they_take_mutual_tls() -> None:
    endpoints = (Endpoint("10.0.0.1", 80, mutual=True), Endpoint("10.0.0.2", 80))
    wire = ClusterLoadAssignment.FromString(eds.translate(Assignment("c", endpoints)).value)
    said = [
        dict(item.metadata.filter_metadata["envoy.transport_socket_match"])
        for item in wire.endpoints[0].lb_endpoints
    ]
    assert said == [{"tlsMode": "istio"}, {}]
