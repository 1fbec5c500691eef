"""The endpoints of services: slices, Pods, entries; which change touches whose."""

from typing import Any

from controlplane.convergence.records import ServiceId
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline
from translators.model import Endpoint, Health

WEB = ServiceId("web.shop.svc.cluster.local", "shop")


def endpoints(made: Pipeline, service: ServiceId = WEB, port: int = 9080) -> tuple[Endpoint, ...]:
    return made.world.mesh.backends[service].ports[port]


def web(**spec: Any) -> Pipeline:
    made = Pipeline()
    service = shop.service("web", {"app": "web"})
    service["spec"].update(spec)
    made.put(
        service,
        shop.pod("v1", "127.0.60.11", app="web", version="v1"),
        shop.pod("other", "127.0.60.12", app="other"),
    )
    return made


def test_without_slices_the_ready_pods_that_are_selected_serve() -> None:
    made = web()
    (only,) = endpoints(made)
    assert (only.address, only.port, only.labels) == (
        "127.0.60.11",
        9080,
        {"app": "web", "version": "v1"},
    )
    pod = shop.pod("v1", "127.0.60.11", app="web", version="v1")
    pod["status"]["conditions"][0]["status"] = "False"
    made.put(pod)
    assert endpoints(made) == ()


def test_a_named_target_port_is_the_containers() -> None:
    made = web(ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    assert endpoints(made, port=80) == ()
    pod = shop.pod("v1", "127.0.60.11", app="web", version="v1")
    pod["spec"]["containers"] = [{"ports": [{"name": "web", "containerPort": 8123}]}]
    made.put(pod)
    assert [e.port for e in endpoints(made, port=80)] == [8123]


def test_a_slice_counts_instead_of_the_pods() -> None:
    made = web()
    made.put(shop.pod("v2", "127.0.60.13", app="web", version="v2"), shop.slice_of("web", "v2"))
    assert [e.address for e in endpoints(made)] == ["127.0.60.13"]
    made.delete(("EndpointSlice", "web-1"))
    assert [e.address for e in endpoints(made)] == ["127.0.60.11", "127.0.60.13"]


def test_an_endpoint_without_a_pod_is_served_and_belongs_to_no_subset() -> None:
    made = web()
    slice_ = shop.slice_of("web", "v1")
    slice_["endpoints"].append({"addresses": ["127.0.60.77"], "conditions": {"ready": True}})
    slice_["endpoints"].append({"addresses": ["127.0.60.78"], "conditions": {"ready": False}})
    slice_["endpoints"].append({"addresses": ["127.0.60.79"], "conditions": {"terminating": True}})
    made.put(slice_)
    assert [(e.address, e.health) for e in endpoints(made)] == [
        ("127.0.60.11", Health.HEALTHY),
        ("127.0.60.77", Health.HEALTHY),
        ("127.0.60.78", Health.UNHEALTHY),
    ]
    backends = made.world.mesh.backends[WEB]
    subset = backends.assignment("x", 9080, {"version": "v1"})
    assert [e.address for e in subset.endpoints] == ["127.0.60.11"]
    # a subset without labels takes what has an owner
    assert len(backends.assignment("x", 9080, {}).endpoints) == 1


def test_one_address_and_port_counts_once() -> None:
    made = web()
    made.put(shop.pod("twin", "127.0.60.11", app="web", version="v2"))
    assert len(endpoints(made)) == 1


def test_a_change_of_endpoints_touches_their_service_alone() -> None:
    made = web()
    made.put(shop.service("other", {"app": "other"}))
    before = made.world
    after = made.put(shop.pod("v2", "127.0.60.13", app="web", version="v2"))
    assert after.touched.endpoints == {WEB}
    assert not after.touched.services
    assert not after.touched.hosts
    assert after.mesh.services is before.mesh.services


def test_a_pod_that_nobody_selects_touches_no_service() -> None:
    made = web()
    after = made.put(shop.pod("alone", "127.0.60.50", app="alone"))
    assert not after.touched.endpoints
    assert not after.touched.services


def test_an_entry_selects_workloads_and_knows_their_ports() -> None:
    made = Pipeline()
    made.put(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": shop.meta("vms"),
            "spec": {
                "hosts": ["vms.example.com"],
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
                "resolution": "STATIC",
                "workloadSelector": {"labels": {"app": "vm"}},
            },
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": shop.meta("vm", app="vm"),
            "spec": {"address": "127.0.60.90", "ports": {"http": 8181}},
        },
        shop.pod("vm-pod", "127.0.60.91", app="vm"),
    )
    found = endpoints(made, ServiceId("vms.example.com", "shop"), 80)
    assert [(e.address, e.port) for e in found] == [("127.0.60.90", 8181), ("127.0.60.91", 8080)]
