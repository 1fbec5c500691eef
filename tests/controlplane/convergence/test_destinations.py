"""A VirtualService goes into force when its destinations are there; any order of writing works."""

from typing import Any

import pytest

from controlplane.convergence import Options, restore
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Assignment, Health, ProxyType, View

CLUSTER = "outbound|9080|{}|web.shop.svc.cluster.local"
HOST = "web.shop.svc.cluster.local:9080"


def mesh(options: Options | None = None) -> Pipeline:
    """web with v1 and v2 behind it, split 50/50."""
    made = Pipeline(options or Options())
    made.put(
        shop.service("web", {"app": "web"}),
        shop.pod("v1", "127.0.60.11", app="web", version="v1"),
        shop.pod("v2", "127.0.60.13", app="web", version="v2"),
        shop.slice_of("web", "v1", "v2"),
        shop.rule({"v1": "v1", "v2": "v2"}),
        split("v1", "v2"),
    )
    return made


def split(one: str, other: str, step: str = "0") -> dict[str, Any]:
    return shop.routes(step, ("web", one, 50), ("web", other, 50), gateways=False)


def targets(view: View, host: str = HOST) -> list[str]:
    """The clusters that the host's routes send to."""
    routes = view.tables["9080"].hosts[host].routes
    return [target.cluster for route in routes for target in route.targets]


def addresses(assignment: Assignment) -> list[str]:
    return [endpoint.address for endpoint in assignment.endpoints]


def whole(made: Pipeline) -> None:
    """Every route leads to a cluster that is there, every cluster has its assignment."""
    view = made.view(proxy())
    for table in view.tables.values():
        for host in table.hosts.values():
            for route in host.routes:
                for target in route.targets:
                    assert target.cluster in view.clusters
    assert view.clusters.keys() - {"BlackHoleCluster", "PassthroughCluster"} <= (
        view.assignments.keys()
    )


def test_routes_first_are_held_with_their_last_good_state() -> None:
    made = mesh()
    made.put(split("v1", "v3"))
    assert made.reasons("VirtualService", "web") == ["DestinationNotFound"]
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    whole(made)
    made.put(shop.rule({"v1": "v1", "v3": "v2"}))
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v3")]
    assert made.reasons("VirtualService", "web") == []
    assert CLUSTER.format("v2") not in made.view(proxy()).clusters
    whole(made)


def test_a_subset_that_routes_use_stays_when_its_rule_goes_first() -> None:
    made = mesh()
    made.put(shop.rule({"v1": "v1", "v3": "v2"}))
    view = made.view(proxy())
    assert targets(view) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    assert {CLUSTER.format("v2"), CLUSTER.format("v3")} <= view.clusters.keys()
    assert addresses(view.assignments[CLUSTER.format("v2")]) == ["127.0.60.13"]
    assert made.reasons("VirtualService", "web") == ["DestinationNotFound"]
    whole(made)
    made.put(split("v1", "v3"))
    view = made.view(proxy())
    assert targets(view) == [CLUSTER.format("v1"), CLUSTER.format("v3")]
    assert CLUSTER.format("v2") not in view.clusters
    assert made.reasons("VirtualService", "web") == []
    whole(made)


def test_a_kept_subset_follows_the_pods_that_are_still_there() -> None:
    made = mesh()
    made.put(shop.rule({"v1": "v1"}))
    made.put(
        shop.pod("v2b", "127.0.60.14", app="web", version="v2"),
        shop.slice_of("web", "v1", "v2b"),
    )
    view = made.view(proxy())
    assert addresses(view.assignments[CLUSTER.format("v2")]) == ["127.0.60.14"]


def test_a_service_that_routes_use_stays_with_the_pods_that_are_still_ready() -> None:
    made = mesh()
    made.delete(("Service", "web"), ("EndpointSlice", "web-1"))
    view = made.view(proxy())
    assert addresses(view.assignments[CLUSTER.format("v1")]) == ["127.0.60.11"]
    whole(made)
    unready = shop.pod("v1", "127.0.60.11", app="web", version="v1")
    unready["status"]["conditions"][0]["status"] = "False"
    made.put(unready)
    assert addresses(made.view(proxy()).assignments[CLUSTER.format("v1")]) == []
    made.put(shop.pod("v1", "127.0.60.99", app="web", version="v1"))
    # the pod is ready again, but the address that was served is not its own any more
    assert addresses(made.view(proxy()).assignments[CLUSTER.format("v1")]) == []
    made.delete(("VirtualService", "web"))
    assert CLUSTER.format("") not in made.view(proxy()).clusters


def test_a_destination_may_be_written_after_the_route() -> None:
    made = mesh()
    made.put(shop.routes("1", ("next", "", 100), gateways=False))
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    made.put(shop.service("next", {"app": "next"}))
    # it is known, but nobody answers there yet
    assert made.reasons("VirtualService", "web") == ["WaitingForEndpoints"]
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    made.put(shop.pod("next", "127.0.60.15", app="next", version="v1"))
    assert targets(made.view(proxy())) == ["outbound|9080||next.shop.svc.cluster.local"]
    assert made.reasons("VirtualService", "web") == []
    whole(made)


def test_the_wait_for_endpoints_is_bounded() -> None:
    made = mesh(Options(ready_wait=10.0))
    made.put(shop.routes("1", ("next", "", 100), gateways=False))
    made.wait(60)
    made.put(shop.service("next", {"app": "next"}))
    assert made.world.wake_at == made.now + 10.0
    made.wait(9.9)
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    made.wait(0.1)
    assert targets(made.view(proxy())) == ["outbound|9080||next.shop.svc.cluster.local"]
    assert made.world.wake_at is None


def test_weight_zero_does_not_count_as_a_destination() -> None:
    made = mesh()
    made.put(shop.routes("1", ("web", "v1", 100), ("nobody", "", 0), gateways=False))
    assert targets(made.view(proxy())) == [CLUSTER.format("v1")]
    assert made.reasons("VirtualService", "web") == []


def test_a_new_route_waits_behind_the_default_of_its_service() -> None:
    made = mesh()
    made.delete(("VirtualService", "web"))
    made.put(split("v1", "v9"))
    assert targets(made.view(proxy())) == [CLUSTER.format("")]
    assert "default route" in made.verdicts("VirtualService", "web")[0].message


def test_where_nothing_good_is_left_the_route_is_sent_as_it_is() -> None:
    made = mesh()
    document = shop.routes("1", ("nobody", "", 100), gateways=False)
    document["metadata"]["name"] = "lonely"
    document["spec"]["hosts"] = ["lonely.example.com"]
    made.put(document)
    host = made.view(proxy()).tables["80"].hosts["lonely.example.com:80"]
    assert host.routes[0].targets[0].cluster == "outbound|80||nobody.shop.svc.cluster.local"
    assert "503" in made.verdicts("VirtualService", "lonely")[0].message


def test_as_istio_does_nothing_is_held_and_nothing_kept() -> None:
    made = mesh(Options(missing_destination="istio"))
    made.put(split("v1", "v3"))
    assert targets(made.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v3")]
    made.put(shop.rule({}))
    assert CLUSTER.format("v1") not in made.view(proxy()).clusters


@pytest.mark.parametrize("rule_first", [True, False])
def test_what_is_held_and_kept_survives_a_restart(rule_first: bool) -> None:
    made = mesh()
    kept = {key: item for key, item in made.world.accepted.items() if key.kind != "Pod"}
    kept = {key: item for key, item in kept.items() if key.kind != "EndpointSlice"}
    made.put(shop.rule({"v1": "v1", "v3": "v2"}) if rule_first else split("v1", "v3"))
    again = Pipeline()
    again.world = restore(kept, again.options)
    again.objects = made.objects
    again._pass(set(made.objects) | set(kept))
    assert targets(again.view(proxy())) == [CLUSTER.format("v1"), CLUSTER.format("v2")]
    assert addresses(again.view(proxy()).assignments[CLUSTER.format("v2")]) == ["127.0.60.13"]
    whole(again)


def test_a_service_deleted_while_nobody_looked_is_kept_with_the_pods_it_selects() -> None:
    made = mesh()
    kept = {
        key: item
        for key, item in made.world.accepted.items()
        if key.kind not in ("Pod", "EndpointSlice")
    }
    made.delete(("Service", "web"), ("EndpointSlice", "web-1"))
    again = Pipeline()
    again.world = restore(kept, again.options)
    again.objects = made.objects
    again._pass(set(made.objects) | set(kept))
    view = again.view(proxy())
    assert addresses(view.assignments[CLUSTER.format("v2")]) == ["127.0.60.13"]
    assert view.assignments[CLUSTER.format("v1")].endpoints[0].health is Health.HEALTHY


def test_a_router_keeps_its_routes_too() -> None:
    made = mesh()
    edge = proxy("edge", kind=ProxyType.ROUTER, ip=shop.ROUTER)
    made.put(shop.gateway(9080), shop.routes("1", ("web", "v1", 50), ("web", "v2", 50)))
    made.put(shop.routes("2", ("web", "v1", 50), ("web", "v3", 50)))
    table = made.view(edge).tables["http.9080.127.0.60.2"]
    (host,) = table.hosts.values()
    assert [t.cluster for t in host.routes[0].targets] == [
        CLUSTER.format("v1"),
        CLUSTER.format("v2"),
    ]
