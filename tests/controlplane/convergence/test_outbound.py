"""What a group of sidecars sees, and how little of it a change touches."""

from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Assignment, RouteTable, VirtualHost

WEB = "outbound|9080|{}|web.shop.svc.cluster.local"


def mesh(services: int = 20) -> Pipeline:
    made = Pipeline()
    made.put(
        *(shop.service(f"s{number}", {"app": "s"}) for number in range(services)),
        shop.service("web", {"app": "web"}),
        shop.pod("v1", "127.0.60.11", app="web", version="v1"),
        shop.pod("v2", "127.0.60.13", app="web", version="v2"),
        shop.rule({"v1": "v1", "v2": "v2"}),
        shop.routes("0", ("web", "v1", 90), ("web", "v2", 10), gateways=False),
    )
    return made


def test_a_weight_translates_one_virtual_host_for_each_distinct_view_of_it() -> None:
    made = mesh()
    viewers = [
        proxy(namespace=n, ip=f"127.0.60.{i}") for i, n in enumerate(("shop", "a", "b", "c"))
    ]
    for viewer in viewers:
        made.packed(viewer)
    made.memo.translated.clear()
    made.put(shop.routes("1", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    # one for its own namespace, one for all others; a table for each of the four groups
    assert made.memo.translated == {VirtualHost: 2, RouteTable: 4}


def test_an_endpoint_touches_assignments_alone() -> None:
    made = mesh()
    made.packed(proxy())
    before = made.view(proxy())
    made.memo.translated.clear()
    made.put(shop.pod("v1b", "127.0.60.12", app="web", version="v1"))
    after = made.view(proxy())
    assert made.memo.translated == {Assignment: 2}  # the service and its subset v1
    assert after.clusters is before.clusters
    assert after.tables is before.tables
    assert after.listeners is before.listeners


def test_a_view_says_what_changed_since_the_one_before() -> None:
    made = mesh()
    before = made.view(proxy())
    made.put(shop.rule({"v1": "v1", "v2": "v2", "v3": "v3"}))
    changes = made.view(proxy()).changes
    assert changes is not None
    assert changes.since is before.mark
    assert WEB.format("v3") in changes.clusters
    assert all("web." in name for name in changes.clusters | changes.assignments)
    assert changes.tables == frozenset()


def test_a_cluster_that_is_gone_keeps_its_live_endpoints_until_nobody_asks() -> None:
    made = mesh()
    made.view(proxy())
    made.put(shop.routes("1", ("web", "v1", 100), gateways=False))
    made.put(shop.rule({"v1": "v1"}))
    retired = made.view(proxy()).assignments[WEB.format("v2")]
    assert [e.address for e in retired.endpoints] == ["127.0.60.13"]
    assert WEB.format("v2") not in made.view(proxy()).clusters
    made.in_use = frozenset({WEB.format("v2")})
    made.delete(("Pod", "v2"))
    assert made.view(proxy()).assignments[WEB.format("v2")].endpoints == ()
    made.in_use = frozenset()
    made.put(shop.service("late", {"app": "late"}))
    assert WEB.format("v2") not in made.view(proxy()).assignments


def test_the_sidecar_object_decides_what_is_seen() -> None:
    made = mesh()
    made.put(shop.sidecar(9080))
    view = made.view(proxy())
    assert "9080" in view.tables
    assert len(view.tables["9080"].hosts) == 21
    narrow = shop.sidecar(9080)
    narrow["spec"]["egress"][0]["hosts"] = ["./s1.shop.svc.cluster.local"]
    made.put(narrow)
    view = made.view(proxy())
    assert set(view.tables["9080"].hosts) == {"s1.shop.svc.cluster.local:9080"}
    # another workload of the namespace is not selected
    assert len(made.view(proxy("other")).tables["9080"].hosts) == 21


def test_routes_import_where_they_lead() -> None:
    made = mesh()
    narrow = shop.sidecar(9080)
    narrow["spec"]["egress"][0]["hosts"] = ["./web.shop.svc.cluster.local"]
    made.put(narrow)
    assert "outbound|9080||s3.shop.svc.cluster.local" not in made.view(proxy()).clusters
    made.put(shop.routes("1", ("s3", "", 100), gateways=False))
    made.wait(60)
    assert "outbound|9080||s3.shop.svc.cluster.local" in made.view(proxy()).clusters


def test_what_is_not_exported_is_not_seen() -> None:
    made = Pipeline()
    private = shop.service("private", {"app": "x"})
    private["metadata"]["annotations"] = {"networking.istio.io/exportTo": "."}
    made.put(private)
    name = "outbound|9080||private.shop.svc.cluster.local"
    assert name in made.view(proxy()).clusters
    assert name not in made.view(proxy(namespace="other", ip="127.0.60.9")).clusters
