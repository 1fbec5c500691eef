"""A pass over what changed gives what a pass over everything gives."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.convergence import Options, converge, restore
from controlplane.convergence.world import EMPTY_WORLD
from controlplane.kinds import Key
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, bytes_of, proxy
from translators.model import ProxyType, SecretSource

Document = dict[str, Any]


def _pod(name: str, address: int, ready: bool, version: str, proxied: bool) -> Document:
    labels = {"security.istio.io/tlsMode": "istio"} if proxied else {}
    document = shop.pod(name, f"127.0.62.{address}", app="web", version=version, **labels)
    document["spec"]["serviceAccountName"] = version
    document["status"]["conditions"][0]["status"] = str(ready)
    return document


def _service(name: str, ports: tuple[int, ...], export: str) -> Document:
    document = shop.service(name, {"app": "web"})
    document["spec"]["ports"] = [{"name": f"http-{port}", "port": port} for port in ports]
    document["metadata"]["annotations"] = {"networking.istio.io/exportTo": export}
    return document


def _rule(
    name: str, host: str, subsets: tuple[str, ...], balancer: str, tls: str, subset_tls: str
) -> Document:
    document = shop.rule({subset: subset for subset in subsets})
    document["metadata"]["name"] = name
    document["spec"]["host"] = host
    document["spec"]["trafficPolicy"] = {"loadBalancer": {"simple": balancer}}
    if tls:
        document["spec"]["trafficPolicy"]["tls"] = {"mode": tls}
    for subset in document["spec"]["subsets"] if subset_tls else ():
        subset["trafficPolicy"] = {"tls": {"mode": subset_tls}}
    return document


def _peers(name: str, namespace: str, version: str, mode: str, port: str) -> Document:
    spec: Document = {"mtls": {"mode": mode}}
    if version:
        spec["selector"] = {"matchLabels": {"version": version}}
        if port:
            spec["portLevelMtls"] = {"80": {"mode": port}}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _entry(mode: str, account: str) -> Document:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "vm", "namespace": "shop"},
        "spec": {
            "hosts": ["vm.example.com"],
            "location": mode,
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "127.0.62.8", "serviceAccount": account}],
        },
    }


def _routes(name: str, hosts: tuple[str, ...], to: tuple[str, str], gateway: bool) -> Document:
    document = shop.routes("0", (*to, 1), gateways=gateway)
    document["metadata"]["name"] = name
    document["spec"]["hosts"] = list(hosts)
    return document


SERVICES = st.builds(
    _service,
    st.sampled_from(["a", "b"]),
    st.sampled_from([(80,), (80, 81), (81,)]),
    st.sampled_from(["*", ".", "other"]),
)
PODS = st.builds(
    _pod,
    st.sampled_from(["p1", "p2", "p3"]),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(["v1", "v2"]),
    st.booleans(),
)
TLS = st.sampled_from(["", "", "DISABLE", "SIMPLE", "ISTIO_MUTUAL"])
MODES = st.sampled_from(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"])
PEERS = st.builds(
    _peers,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["shop", "shop", "istio-system"]),
    st.sampled_from(["", "v1", "v2"]),
    MODES,
    st.one_of(st.just(""), MODES),
)
ENTRIES = st.builds(
    _entry, st.sampled_from(["MESH_INTERNAL", "MESH_EXTERNAL"]), st.sampled_from(["", "vm"])
)
RULES = st.builds(
    _rule,
    st.sampled_from(["r1", "r2"]),
    st.sampled_from(["a", "b", "*.shop.svc.cluster.local"]),
    st.sampled_from([(), ("v1",), ("v1", "v2")]),
    st.sampled_from(["RANDOM", "ROUND_ROBIN", "PASSTHROUGH"]),
    TLS,
    TLS,
)
ROUTES = st.builds(
    _routes,
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(
        [("a",), ("b",), ("a", "b"), ("x.example.com",), ("*.shop.svc.cluster.local",)]
    ),
    st.sampled_from([("a", ""), ("a", "v1"), ("b", "v2"), ("nobody", "")]),
    st.booleans(),
)
OTHERS = st.sampled_from([shop.sidecar(80), shop.gateway(80)])
WRITES = st.lists(
    st.one_of(SERVICES, PODS, RULES, ROUTES, PEERS, ENTRIES, OTHERS), min_size=1, max_size=3
)
DELETES = st.sampled_from(
    [
        ("Service", "a"),
        ("Service", "b"),
        ("Pod", "p1"),
        ("DestinationRule", "r1"),
        ("VirtualService", "s1"),
        ("PeerAuthentication", "a"),
        ("ServiceEntry", "vm"),
        ("Sidecar", "client"),
        ("Gateway", "edge"),
    ]
)
PROXIES = (
    proxy("client"),
    proxy("client", ip="127.0.62.1", labels={"app": "other"}),
    proxy("far", namespace="other", ip="127.0.62.9"),
    proxy("edge", kind=ProxyType.ROUTER, ip="127.0.60.2"),
    proxy("caller", generator="grpc", ip="127.0.60.3"),
    replace(proxy("own", ip="127.0.62.3"), secrets=SecretSource.ADS),
    replace(proxy("nobody", ip="127.0.62.2"), secrets=SecretSource.NONE),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(WRITES, DELETES), min_size=1, max_size=12))
def test_a_pass_over_the_changes_equals_a_pass_over_everything(
    steps: list[list[Document] | tuple[str, str]],
) -> None:
    options = Options(missing_destination="istio")
    running = Pipeline(options)
    for viewer in PROXIES:
        running.packed(viewer)
    for step in steps:
        if isinstance(step, tuple):
            running.delete(step)
        else:
            running.put(*step)
        scratch = Pipeline(options)
        scratch.objects = running.objects
        scratch.refused = running.refused
        scratch._pass(set(running.objects))
        for viewer in PROXIES:
            assert bytes_of(running.packed(viewer)) == bytes_of(scratch.packed(viewer))
        assert running.world.verdicts() == scratch.world.verdicts()


def test_what_did_not_change_is_the_same_object() -> None:
    mesh = Pipeline()
    mesh.put(
        shop.service("web", {"app": "web"}),
        shop.service("other", {"app": "other"}),
        shop.pod("v1", "127.0.60.11", app="web", version="v1"),
    )
    before = mesh.world
    after = mesh.put(shop.service("web", {"app": "web"}))
    assert not after.touched
    assert after.mesh.services is before.mesh.services
    assert after.mesh.backends is before.mesh.backends


@pytest.mark.parametrize("restart", [False, True])
def test_a_broken_object_keeps_its_last_good_state(restart: bool) -> None:
    mesh = Pipeline()
    good = shop.routes("1", ("web", "", 100))
    mesh.put(shop.service("web", {"app": "web"}), good)
    if restart:
        kept = dict(mesh.world.accepted)
        mesh.world = restore(kept, mesh.options)
    before = bytes_of(mesh.packed(proxy()))
    mesh.put(shop.routes("2", ("web", "v1", 60), ("web", "v2", 60)))
    assert Key("VirtualService", "shop", "web") in mesh.refused
    assert bytes_of(mesh.packed(proxy())) == before


def test_nothing_is_done_for_objects_that_are_not_named_as_changed() -> None:
    world = converge(objects={}, refused={}, changed=frozenset(), before=EMPTY_WORLD, now=0.0)
    assert world.generation == 1
    assert not world.touched
