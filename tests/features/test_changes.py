"""A change reaches exactly those it concerns, and costs what it is worth."""

import pytest

from tests.fakes import pipeline, shop
from tests.fakes.strict_client import CDS, EDS, LDS, RDS
from tests.features.client import Client
from tests.features.mesh import Mesh, documents

WEB = f"outbound|9080|{{}}|{shop.HOST}"


def clusters_of(client: Client) -> set[str]:
    return {name for name in client.envoy.holds(CDS) if name.endswith(shop.HOST)}


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_a_service_and_its_routes_arrive(mesh: Mesh, delta: bool) -> None:
    await mesh.put(shop.service("other", {"app": "other"}))
    client = await mesh.join(delta=delta)
    assert not clusters_of(client)
    await mesh.put(*documents())
    await mesh.settled()
    assert clusters_of(client) == {WEB.format(subset) for subset in ("", "v1", "v2")}
    assert clusters_of(client) <= client.envoy.holds(EDS).keys()
    assert client.envoy.tables["9080"].clusters >= {WEB.format("v1"), WEB.format("v2")}
    assert "0.0.0.0_9080" in client.envoy.holds(LDS)


async def test_a_weight_is_one_virtual_host_for_each_view_and_one_table_for_each_proxy(
    store: Mesh,
) -> None:
    beside = [pipeline.proxy(f"p{n}", ip=f"10.0.0.{n}") for n in range(3)]
    afar = pipeline.proxy("far", namespace="far", ip="10.0.1.1")
    clients = [await store.join(proxy) for proxy in (*beside, afar)]
    assert store.publication.groups == 2
    before = store.counted()
    await store.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    await store.settled()
    cost = store.since(before)
    assert cost.translated == {"VirtualHost": 2, "RouteTable": 2}
    assert cost.sent() == {"RouteConfiguration": len(clients)}
    for client in clients:
        (message,) = client.heard()
        assert (message.kind, message.names) == ("RouteConfiguration", ("9080",))
    sent = sum(
        number for name, number in cost.metrics.items() if name.startswith("meshpilot_xds_sent_by")
    )
    assert sent < 4 * 4000


async def test_a_backend_touches_its_assignments_only(store: Mesh) -> None:
    client = await store.join()
    before = store.counted()
    await store.put(shop.pod("v1b", shop.PLACES["v1b"][0], app="web", version="v1"))
    await store.put(shop.slice_of("web", "v1", "v1b", "v2"))
    await store.settled()
    cost = store.since(before)
    assert cost.translated.keys() == {"Assignment"}
    assert cost.sent() == {"ClusterLoadAssignment": 2}
    names = {name for message in client.heard() for name in message.names}
    assert names == {WEB.format(""), WEB.format("v1")}


async def test_what_says_the_same_sends_nothing(store: Mesh) -> None:
    client = await store.join()
    before = store.counted()
    await store.put(*documents())
    again = shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False)
    again["metadata"]["annotations"] = {"note": "looked at again"}
    await store.put(again)
    await store.settled()
    cost = store.since(before)
    assert not cost.sent()
    assert not client.heard()


async def test_a_client_that_comes_back_is_sent_only_what_changed(store: Mesh) -> None:
    client = await store.join()
    await client.disconnect()
    before = store.counted()
    await client.connect()
    await client.initialised()
    await store.settled()
    assert not store.since(before).sent()
    await client.disconnect()
    await store.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    await client.connect()
    await store.joined(client)
    await store.settled()
    assert store.since(before).sent() == {"RouteConfiguration": 1}


async def test_a_broken_object_keeps_its_last_good_state_and_stops_nobody(store: Mesh) -> None:
    client = await store.join()
    good = client.envoy.holds(RDS)["9080"]
    broken = shop.routes("2", ("web", "v1", 60), ("web", "v2", 60), gateways=False)
    await store.put(broken, shop.service("other", {"app": "other"}))
    await store.settled()
    assert WEB.format("").replace("web.", "other.") in client.envoy.holds(CDS)
    table = client.envoy.tables["9080"]
    assert {WEB.format("v1"), WEB.format("v2")} <= table.clusters
    assert table.content != good  # the other service's host came into it
    reasons = {v.reason for found in store.loop.verdicts().values() for v in found}
    assert "WeightSum" in reasons
    await store.put(shop.routes("3", ("web", "v2", 100), gateways=False))
    await store.settled()
    assert WEB.format("v1") not in client.envoy.tables["9080"].clusters


@pytest.mark.parametrize("routes_first", [True, False], ids=["routes-first", "rule-first"])
async def test_a_subset_is_renamed_in_any_order(store: Mesh, routes_first: bool) -> None:
    # the mesh asserts after each pass that no seat's snapshot has a dangling reference, the
    # client after each message that no listener sends to a cluster that it lacks
    client = await store.join()
    rule = shop.rule({"v1": "v1", "v3": "v2"})
    renamed = shop.routes("2", ("web", "v1", 50), ("web", "v3", 50), gateways=False)
    for document in (renamed, rule) if routes_first else (rule, renamed):
        await store.put(document)
        await store.settled()
    used = client.envoy.tables["9080"].clusters
    assert WEB.format("v3") in used
    assert WEB.format("v2") not in used
    await store.passes(lambda: WEB.format("v2") not in clusters_of(client))


async def test_a_destination_that_is_not_there_yet_holds_the_routes(store: Mesh) -> None:
    client = await store.join()
    before = client.envoy.holds(RDS)["9080"]
    await store.put(shop.routes("2", ("next", "", 100), gateways=False))
    await store.settled()
    assert client.envoy.holds(RDS)["9080"] == before
    await store.put(
        shop.pod("next", shop.PLACES["next"][0], app="next"),
        shop.service("next", {"app": "next"}),
    )
    await store.settled()
    assert "outbound|9080||next.shop.svc.cluster.local" in client.envoy.tables["9080"].clusters


async def test_what_is_deleted_goes_after_its_routes(store: Mesh) -> None:
    client = await store.join()
    await store.put(shop.service("other", {"app": "other"}))
    await store.settled()
    client.heard()
    await store.delete(("VirtualService", "web"), ("DestinationRule", "web"), ("Service", "web"))
    await store.settled()
    await store.passes(lambda: not clusters_of(client))
    kinds = [(message.kind, bool(message.removed)) for message in client.heard()]
    assert kinds.index(("RouteConfiguration", False)) < kinds.index(("Cluster", True))
