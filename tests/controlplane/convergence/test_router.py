"""Routers: the Gateways that select them, the hosts that both sides have, merged routes."""

from typing import Any

from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import ProxyType, VirtualHost

EDGE = proxy("edge", kind=ProxyType.ROUTER, ip=shop.ROUTER, labels={"app": "edge"})


def mesh(*gateways: dict[str, Any]) -> Pipeline:
    made = Pipeline()
    made.put(
        shop.service("web", {"app": "web"}),
        shop.pod("v1", "127.0.60.11", app="web"),
        *(gateways or (gateway("edge"),)),
    )
    return made


def gateway(name: str, *hosts: str, port: int = 8080) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": shop.meta(name),
        "spec": {
            "selector": {"app": "edge"},
            "servers": [
                {
                    "port": {"number": port, "name": "http", "protocol": "HTTP"},
                    "hosts": list(hosts or ("*",)),
                }
            ],
        },
    }


def bound(name: str, host: str, prefix: str = "", gateway: str = "edge") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": shop.meta(name),
        "spec": {
            "hosts": [host],
            "gateways": [gateway],
            "http": [
                {
                    "name": name,
                    **({"match": [{"uri": {"prefix": prefix}}]} if prefix else {}),
                    "route": [{"destination": {"host": "web"}}],
                }
            ],
        },
    }


def hosts(made: Pipeline, table: str = "http.8080") -> dict[str, VirtualHost]:
    return dict(made.view(EDGE).tables[table].hosts)


def test_a_gateway_without_routes_answers_for_nobody() -> None:
    assert set(hosts(mesh())) == {"blackhole:8080"}


def test_a_router_that_no_gateway_selects_listens_on_nothing() -> None:
    view = mesh().view(proxy("idle", kind=ProxyType.ROUTER, ip="127.0.60.3"))
    assert (dict(view.listeners), dict(view.tables)) == ({}, {})


def test_routes_of_one_host_are_joined_oldest_first_with_catch_alls_last() -> None:
    made = mesh()
    made.put(bound("first", "a.example.com"))
    made.put(bound("second", "a.example.com", "/second"))
    (host,) = hosts(made).values()
    assert [route.name for route in host.routes] == ["second", "first"]
    assert made.reasons("VirtualService", "first") == ["RoutesJoined"]


def test_the_narrower_host_of_the_two_is_used() -> None:
    made = mesh(gateway("edge", "*.example.com"))
    made.put(bound("narrow", "a.example.com"), bound("other", "a.example.org"))
    assert set(hosts(made)) == {"a.example.com:8080"}
    made = mesh(gateway("edge", "a.example.com"))
    made.put(bound("wide", "*.example.com"))
    assert set(hosts(made)) == {"a.example.com:8080"}


def test_a_server_may_limit_the_namespaces_of_its_routes() -> None:
    made = mesh(gateway("edge", "other/*"))
    made.put(bound("own", "a.example.com"))
    assert set(hosts(made)) == {"blackhole:8080"}
    made = mesh(gateway("edge", "./*"))
    made.put(bound("own", "a.example.com"))
    assert set(hosts(made)) == {"a.example.com:8080"}


def test_behind_a_service_it_listens_on_the_target_port() -> None:
    made = mesh(gateway("edge", port=80))
    service = shop.service("edge", {"app": "edge"})
    service["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": 8080}]
    made.put(service, shop.pod("edge", shop.ROUTER, app="edge"), bound("own", "a.example.com"))
    view = made.view(EDGE)
    assert set(view.listeners) == {"0.0.0.0_8080"}
    assert set(hosts(made)) == {"a.example.com:80"}


def test_one_changed_host_leaves_the_others_the_same() -> None:
    made = mesh()
    made.put(*(bound(f"r{number}", f"h{number}.example.com") for number in range(5)))
    before = hosts(made)
    made.put(bound("r2", "h2.example.com", "/new"))
    after = hosts(made)
    assert [name for name in after if after[name] is not before[name]] == ["h2.example.com:8080"]
