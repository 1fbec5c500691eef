"""A pass over what changed gives what a pass over everything gives."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.convergence import Options, converge, restore
from controlplane.convergence.world import EMPTY_WORLD
from controlplane.kinds import Key
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, bytes_of, proxy
from translators.model import ProxyType

Document = dict[str, Any]


def _pod(name: str, address: int, ready: bool, version: str) -> Document:
    document = shop.pod(name, f"127.0.62.{address}", app="web", version=version)
    document["status"]["conditions"][0]["status"] = str(ready)
    return document


def _service(name: str, ports: tuple[int, ...], export: str) -> Document:
    document = shop.service(name, {"app": "web"})
    document["spec"]["ports"] = [{"name": f"http-{port}", "port": port} for port in ports]
    document["metadata"]["annotations"] = {"networking.istio.io/exportTo": export}
    return document


def _rule(name: str, host: str, subsets: tuple[str, ...], balancer: str) -> Document:
    document = shop.rule({subset: subset for subset in subsets})
    document["metadata"]["name"] = name
    document["spec"]["host"] = host
    document["spec"]["trafficPolicy"] = {"loadBalancer": {"simple": balancer}}
    return document


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
)
RULES = st.builds(
    _rule,
    st.sampled_from(["r1", "r2"]),
    st.sampled_from(["a", "b", "*.shop.svc.cluster.local"]),
    st.sampled_from([(), ("v1",), ("v1", "v2")]),
    st.sampled_from(["RANDOM", "ROUND_ROBIN"]),
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
WRITES = st.lists(st.one_of(SERVICES, PODS, RULES, ROUTES, OTHERS), min_size=1, max_size=3)
DELETES = st.sampled_from(
    [
        ("Service", "a"),
        ("Service", "b"),
        ("Pod", "p1"),
        ("DestinationRule", "r1"),
        ("VirtualService", "s1"),
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
