"""Who asks decides what is answered, and what became of it can be looked at."""

from typing import Any

import aiohttp

from tests.fakes import pipeline, shop
from tests.fakes.strict_client import CDS, EDS, LDS, RDS
from tests.features.client import Client
from tests.features.mesh import Mesh
from translators.model import Interception, ProxyType

V1 = f"outbound|9080|v1|{shop.HOST}"


async def debug(mesh: Mesh, page: str) -> Any:
    async with aiohttp.ClientSession() as client, client.get(f"{mesh.http}/debug/{page}") as answer:
        return await answer.json()


async def status(mesh: Mesh, client: Client, kind: str) -> dict[str, Any]:
    (one,) = [p for p in await debug(mesh, "proxies") if p["proxy"] == f"{client.proxy.name}.shop"]
    (found,) = [status for status in one["types"] if status["type"] == kind]
    return dict(found)


async def test_a_refusal_is_shown_with_its_text_until_a_good_change_ends_it(store: Mesh) -> None:
    client = await store.join()
    await store.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    wanted = store.seat(client).snapshot.get(RDS, "9080")
    assert wanted is not None
    assert wanted.packed is not None
    client.envoy.poison.add((RDS, wanted.packed.value))
    session = store.seat(client).session
    await store.passes(lambda: any(one.nacks for one in session.status().types))
    seen = await status(store, client, "RouteConfiguration")
    (nack,) = seen["nacks"]
    assert nack["name"] == "9080"
    assert nack["version"] == wanted.version
    assert "Error adding/updating: 9080: not good" in nack["error"]
    assert store.counted().metrics["pilot_total_xds_rejects"] == 1
    dump = await debug(store, "config_dump?proxyID=client.shop")
    (table,) = [
        item for item in dump["config"]["RouteConfiguration"]["resources"] if item["name"] == "9080"
    ]
    assert table["version"] == wanted.version
    assert table["acked"] not in (None, wanted.version)
    assert not table["in_sync"]
    # it stops nothing else
    pod = shop.pod("v1b", shop.PLACES["v1b"][0], app="web", version="v1")
    await store.put(pod, shop.slice_of("web", "v1", "v1b", "v2"))
    assignment = store.seat(client).snapshot.get(EDS, V1)
    assert assignment is not None
    await store.passes(lambda: session.holds(EDS, V1) == assignment.version)
    await store.put(shop.routes("3", ("web", "v1", 10), ("web", "v2", 90), gateways=False))
    await store.settled()
    assert session.holds(RDS, "9080") not in (None, wanted.version)
    assert (await status(store, client, "RouteConfiguration"))["nacks"] == []


async def test_proxies_that_see_the_same_share_a_group(store: Mesh) -> None:
    await store.join(pipeline.proxy("one", ip="10.0.0.1"))
    await store.join(pipeline.proxy("two", ip="10.0.0.2"))
    assert store.publication.groups == 1
    before = store.counted()
    await store.join(pipeline.proxy("three", ip="10.0.0.3"))
    assert not store.since(before).translated
    await store.put(shop.sidecar(9080))
    client = await store.join(
        pipeline.proxy(labels={"app": "client"}, interception=Interception.NONE)
    )
    assert store.publication.groups == 2
    assert set(client.envoy.holds(LDS)) == {f"{shop.CLIENT}_9080"}
    await client.disconnect()
    await store.passes(lambda: store.publication.groups == 1)


async def test_labels_of_the_pod_win_over_those_that_the_proxy_gives(store: Mesh) -> None:
    await store.put(shop.pod("client", shop.CLIENT, app="client"), shop.sidecar(9080))
    client = await store.join(
        pipeline.proxy(labels={"app": "another"}, interception=Interception.NONE)
    )
    assert set(client.envoy.holds(LDS)) == {f"{shop.CLIENT}_9080"}


async def test_a_router_serves_what_is_bound_to_its_gateway(store: Mesh) -> None:
    await store.put(shop.gateway(8080), shop.routes("1", ("web", "v1", 100)))
    router = pipeline.proxy("edge", kind=ProxyType.ROUTER, ip=shop.ROUTER, labels={"app": "edge"})
    client = await store.join(router)
    (listener,) = client.envoy.listeners.values()
    assert listener.addresses == {f"{shop.ROUTER}:8080"}
    (table,) = (client.envoy.tables[name] for name in listener.tables)
    assert table.clusters == {V1}
    assert V1 in client.envoy.holds(EDS)


async def test_an_inbound_port_comes_with_its_pod(store: Mesh) -> None:
    client = await store.join(pipeline.proxy("v1", ip=shop.PLACES["v1"][0], labels={"app": "web"}))
    assert "inbound|9080||" in client.envoy.holds(CDS)
    other = await store.join(pipeline.proxy("client", ip=shop.CLIENT))
    assert "inbound|9080||" not in other.envoy.holds(CDS)
