"""A changed PeerAuthentication touches what it is for, and no more; what loses is said."""

from typing import Any

from controlplane.convergence.records import ServiceId
from controlplane.kinds import Key
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline

WEB = ServiceId("web.shop.svc.cluster.local", "shop")
PROXIED = {"security.istio.io/tlsMode": "istio"}


def peers(name: str, mode: str, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"mtls": {"mode": mode}}
    if labels:
        spec["selector"] = {"matchLabels": labels}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def mesh() -> Pipeline:
    made = Pipeline()
    for name, address in (("web", "127.0.60.11"), ("other", "127.0.60.12")):
        pod = shop.pod(name, address, app=name, **PROXIED)
        made.put(shop.service(name, {"app": name}), pod)
    return made


def mutual(made: Pipeline) -> list[bool]:
    backends = made.world.mesh.backends[WEB]
    return [endpoint.mutual for found in backends.ports.values() for endpoint in found]


def test_clients_are_told_when_it_is_disabled() -> None:
    made = mesh()
    assert mutual(made) == [True]
    touched = made.put(peers("a", "DISABLE", app="web")).touched
    assert mutual(made) == [False]
    assert touched.endpoints == {WEB}
    assert touched.namespaces == {"shop"}
    assert not touched.services
    made.delete(("PeerAuthentication", "a"))
    assert mutual(made) == [True]


def test_what_changes_for_the_server_only_touches_no_endpoint() -> None:
    made = mesh()
    before = made.world.mesh.backends
    touched = made.put(peers("a", "STRICT")).touched
    assert touched.namespaces == {"shop"}
    assert not touched.endpoints | touched.services
    assert made.world.mesh.backends is before


def test_a_namespace_that_disables_touches_its_services() -> None:
    made = mesh()
    assert WEB in made.put(peers("a", "DISABLE")).touched.services
    assert not made.put(peers("b", "STRICT", "other")).touched.services
    assert WEB not in made.put(peers("root", "DISABLE", "istio-system")).touched.services
    assert made.delete(("PeerAuthentication", "a")).touched.services == frozenset()


def test_the_younger_of_a_namespace_is_told_that_it_has_no_effect() -> None:
    made = mesh()
    made.put(peers("a", "STRICT"))
    made.put(peers("b", "DISABLE"))
    (said,) = made.verdicts("PeerAuthentication", "b")
    assert (said.reason, said.others) == (
        "PolicyIgnored",
        (Key("PeerAuthentication", "shop", "a"),),
    )
    made.delete(("PeerAuthentication", "a"))
    assert made.reasons("PeerAuthentication", "b") == []


def test_of_two_that_select_one_workload_the_younger_is_told() -> None:
    made = mesh()
    made.put(peers("a", "PERMISSIVE", app="web"))
    made.put(peers("b", "DISABLE", **PROXIED))
    assert made.reasons("PeerAuthentication", "b") == ["PolicyIgnored"]
    (said,) = made.verdicts("PeerAuthentication", "b")
    assert "Pod shop/web is" in said.message
    made.put(shop.pod("web", "127.0.60.11", app="renamed", **PROXIED))
    assert made.reasons("PeerAuthentication", "b") == []


def test_a_selector_in_the_root_namespace_is_said_to_do_nothing() -> None:
    made = mesh()
    world = made.put(peers("a", "DISABLE", "istio-system", app="web"))
    key = Key("PeerAuthentication", "istio-system", "a")
    assert [one.reason for one in world.verdicts()[key]] == ["SelectorIgnored"]
    assert mutual(made) == [True]


def test_an_entry_with_an_account_takes_mutual_tls() -> None:
    made = Pipeline()
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": shop.meta("web"),
        "spec": {
            "hosts": [WEB.hostname],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [
                {"address": "127.0.60.13", "serviceAccount": "vm"},
                {"address": "127.0.60.14"},
            ],
        },
    }
    made.put(entry)
    assert mutual(made) == [True, False]
    made.put(peers("a", "DISABLE"))
    assert mutual(made) == [False, False]


def test_what_is_only_kept_for_routes_follows_too() -> None:
    made = mesh()
    made.put(shop.routes("0", ("web", "", 100)))
    made.delete(("Service", "web"))
    assert WEB in made.world.mesh.retained
    assert mutual(made) == [True]
    made.put(peers("a", "DISABLE", app="web"))
    assert mutual(made) == [False]
    made.put(peers("a", "STRICT", app="web"))
    assert mutual(made) == [True]
