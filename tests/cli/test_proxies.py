"""`meshpilot proxies` and what it says when nobody answers."""

import asyncio
import json

from typer.testing import CliRunner, Result

from cli import app
from controlplane.xds.client import Access, dial
from controlplane.xds.conversation import Conversation, Wish
from tests.fakes import pipeline, shop
from tests.fakes.control import free_port
from tests.fakes.strict_client import RDS
from tests.features.client import node_of, until
from tests.features.mesh import Mesh, documents, running
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE


async def invoke(address: str, *arguments: str) -> Result:
    command = ["proxies", "--address", address, *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, command, env={"COLUMNS": "160"})


async def refusing(mesh: Mesh) -> None:
    """A proxy that refuses the newest routes."""
    await mesh.put(*documents())
    client = await mesh.join()
    await mesh.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
    wanted = mesh.seat(client).snapshot.get(RDS, "9080")
    assert wanted is not None
    assert wanted.packed is not None
    client.envoy.poison.add((RDS, wanted.packed.value))
    session = mesh.seat(client).session
    await mesh.passes(lambda: any(one.nacks for one in session.status().types))


async def test_the_table_shows_generations_and_refusals() -> None:
    async with running() as mesh:
        await refusing(mesh)
        result = await invoke(mesh.http)
    assert result.exit_code == 0, result.output
    header, row, note = result.stdout.splitlines()
    assert header.split() == [
        *("proxy", "type", "version", "generation", "CDS", "EDS", "LDS", "RDS", "refused"),
    ]
    name, kind, version, generation, *reached, refused = row.split()
    assert (name, kind, version, generation) == ("client.shop", "sidecar", "1.31.0", "3")
    assert reached[0] == "3"
    assert reached[3] == "2"
    assert refused == "1"
    assert note.startswith("client.shop refuses RDS 9080: Error adding/updating: 9080")


async def test_json_is_what_the_page_says() -> None:
    async with running() as mesh:
        await refusing(mesh)
        (one,) = json.loads((await invoke(mesh.http, "-o", "json")).stdout)
    assert one["proxy"] == "client.shop"
    assert {status["type"] for status in one["types"]} >= {"Cluster", "RouteConfiguration"}


async def test_nobody_is_connected() -> None:
    async with running() as mesh:
        assert (await invoke(mesh.http)).stdout == "no proxy is connected\n"


async def test_a_server_that_is_not_there_is_an_error_with_a_remedy() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    result = await invoke(address)
    assert result.exit_code == 2
    assert f"cannot read {address}/debug/proxies: [Errno 111] Connection refused" in result.stderr
    assert "Give its --http-address as --address" in result.stderr


async def test_an_address_that_is_no_url_is_said() -> None:
    result = await invoke("127.0.0.1:8080")
    assert result.exit_code == 2
    assert "write http://HOST:PORT" in result.stderr


async def test_another_server_at_that_address_is_an_error() -> None:
    async with running() as mesh:
        result = await invoke(f"{mesh.http}/nowhere")
    assert result.exit_code == 2
    assert "/nowhere/debug/proxies answers 404" in result.stderr


async def test_what_is_held_back_is_told_with_what_it_waits_for() -> None:
    wish = Wish({CLUSTER: (), LISTENER: ()}, follow=frozenset((ASSIGNMENT, ROUTE)))
    async with running() as mesh:
        await mesh.put(*documents())
        conversation = Conversation(node_of(pipeline.proxy()), wish, delta=True)
        async with dial(Access(f"127.0.0.1:{mesh.port}"), conversation) as stream:
            while conversation.unanswered():
                await stream.receive()
            # a new service is routed to when its assignment is acknowledged, which is not read
            await mesh.put(shop.service("next", {"app": "next"}))
            (seat,) = mesh.hub
            await until(
                lambda: any(one.held_back for one in seat.session.status().types), "it waits"
            )
            result = await invoke(mesh.http)
    assert result.stdout.splitlines()[-1] == (
        "client.shop: RDS is held back: RouteConfiguration 9080: not warm yet: "
        "cluster outbound|9080||next.shop.svc.cluster.local"
    )
