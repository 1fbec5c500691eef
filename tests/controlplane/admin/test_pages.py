"""What the pages say, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import HTTPForbidden

from controlplane.admin.pages import Pages
from controlplane.admin.servers import serve
from tests.fakes import pipeline, shop
from tests.features.mesh import Mesh, documents, running


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return answer.status, await answer.text()


async def page(mesh: Mesh, path: str, *, status: int = 200) -> Any:
    async with aiohttp.ClientSession() as client, client.get(f"{mesh.http}{path}") as answer:
        assert answer.status == status
        assert answer.content_type == "application/json"
        return await answer.json()


async def test_ready_follows_the_first_world() -> None:
    async with running(listed=False) as mesh:
        assert await get(f"{mesh.http}/ready") == (503, "not every source has been read yet\n")
        await mesh.listed()
        assert await get(f"{mesh.http}/ready") == (200, "ready\n")


async def test_the_index_lists_pages_that_are_there(mesh: Mesh) -> None:
    for path in await page(mesh, "/debug"):
        status, _ = await get(f"{mesh.http}{path.replace('=ID', '=x')}")
        assert status == (404 if "=ID" in path else 200)


async def test_debug_is_for_callers_on_this_machine(mesh: Mesh) -> None:
    app = Pages(mesh.loop, mesh.hub, mesh.metrics).http()
    for path in ("/debug", "/debug/proxies", "/debug/config_dump", "/debug/verdicts"):
        (handler,) = [r.handler for r in app.router.routes() if r.get_info()["path"] == path
                      and r.method == "GET"]  # fmt: skip
        for remote in ("10.0.0.1", "::ffff:10.0.0.1", ""):
            request = make_mocked_request("GET", path).clone(remote=remote)
            with pytest.raises(HTTPForbidden, match="Forbidden"):
                await handler(request)
        local = make_mocked_request("GET", path).clone(remote="::1")
        assert (await handler(local)).status in (200, 404)


async def test_proxies_tell_who_and_how_far(mesh: Mesh) -> None:
    assert await page(mesh, "/debug/proxies") == []
    client = await mesh.join()
    (one,) = await page(mesh, "/debug/proxies")
    assert one["id"] == mesh.seat(client).id
    assert (one["proxy"], one["type"], one["version"]) == ("client.shop", "sidecar", "1.31.0")
    assert one["address"].startswith("ipv4:127.0.0.1:")
    assert one["generation"] == mesh.loop.world.generation
    types = {status["type"]: status for status in one["types"]}
    assert types["Cluster"]["subscribed"] == "*"
    assert types["ClusterLoadAssignment"]["subscribed"] == 3
    for status in types.values():
        assert status["generation"] == one["generation"]
        assert status["nacks"] == status["held_back"] == []


@pytest.mark.parametrize("by", ["name", "node", "connection"])
async def test_a_dump_by_any_name(mesh: Mesh, by: str) -> None:
    client = await mesh.join()
    wanted = {
        "name": "client.shop",
        "node": client.proxy.id,
        "connection": mesh.seat(client).id,
    }[by]
    dump = await page(mesh, f"/debug/config_dump?proxyID={wanted}")
    (table,) = dump["config"]["RouteConfiguration"]["resources"]
    assert table["name"] == "9080"
    assert table["in_sync"]
    assert table["version"] == table["acked"]
    assert table["resource"]["@type"].endswith("RouteConfiguration")
    assert not dump["config"]["Secret"]["subscribed"]


async def test_a_dump_of_nobody_and_of_two(mesh: Mesh) -> None:
    nobody = await page(mesh, "/debug/config_dump?proxyID=x", status=404)
    assert nobody == {"error": 'no connected proxy is called "x"'}
    for address in ("10.0.0.1", "10.0.0.2"):
        await mesh.join(pipeline.proxy(ip=address))
    two = await page(mesh, "/debug/config_dump?proxyID=client.shop", status=409)
    assert set(two["connections"]) == {seat.id for seat in mesh.hub}


async def test_verdicts_name_the_object_and_the_remedy(mesh: Mesh) -> None:
    broken = shop.routes("2", ("web", "v1", 60), ("web", "v2", 60), gateways=False)
    await mesh.put(broken)
    (verdict,) = [v for v in await page(mesh, "/debug/verdicts") if v["reason"] == "WeightSum"]
    assert (verdict["kind"], verdict["namespace"], verdict["name"]) == (
        *("VirtualService", "shop", "web"),
    )
    assert verdict["severity"] == "error"
    assert verdict["remedy"]


async def test_the_world_in_numbers(mesh: Mesh) -> None:
    await mesh.put(
        shop.routes("2", ("nowhere", "", 100), gateways=False), {**shop.rule({}), "spec": {}}
    )
    found = await page(mesh, "/debug/world")
    assert found["generation"] == mesh.loop.world.generation
    assert found["accepted"]["Service"] == 1
    assert found["refused"] == ["DestinationRule shop/web"]
    assert list(found["held"]) == ["VirtualService shop/web"]
    assert (found["services"], found["proxies"]) == (1, 0)


async def test_metrics_and_version(mesh: Mesh) -> None:
    pages = Pages(mesh.loop, mesh.hub, mesh.metrics)
    serving = await serve(pages.metrics(), "127.0.0.1:0")
    try:
        status, text = await get(f"http://127.0.0.1:{serving.port}/metrics")
        assert status == 200
        assert f"meshpilot_passes_total {mesh.loop.world.generation}.0" in text.splitlines()
        assert (await get(f"http://127.0.0.1:{serving.port}/version"))[1].strip()
        assert (await get(f"http://127.0.0.1:{serving.port}/debug"))[0] == 404
    finally:
        await serving.stop()
