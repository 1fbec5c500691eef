"""The threat model, claim by claim: what debug pages and metrics tell, and to whom."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import HTTPForbidden, Request, Response
from prometheus_client import generate_latest

from controlplane.admin.guards import NAMESPACE, Guard
from controlplane.secure.keyring import ROOT, WORKLOAD
from tests.fakes import keys
from tests.fakes.edges import EDGE, gateway, server
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import agentless, opened, secure_channel
from tests.features.threats import workload

KUBERNETES = "kubernetes://cert"


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


def elsewhere(path: str, token: str = "", **headers: str) -> Request:
    """A request from another machine."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    made = make_mocked_request("GET", path, headers=headers | shown)
    return made.clone(remote="192.0.2.7")


async def _page(request: Request) -> Response:
    return Response(text=request[NAMESPACE])


async def _done(_: Request) -> Response:
    return Response(text="done")


async def test_t24_debug_pages_answer_this_machine_and_who_proves_something(mesh: Mesh) -> None:
    guard = Guard("istio-system", mesh.metrics, mesh.secure.attestors)
    everything, own = guard.reads(_page), guard.reads(_page, own=True)
    for page in (everything, own):
        for token in ("", "garbage", mesh.token("shop", "cart") + "x"):
            with pytest.raises(HTTPForbidden):
                await page(elsewhere("/debug/x", token))
    # a workload sees its own namespace, and nothing that cannot be narrowed to that
    cart = mesh.token("shop", "cart")
    found: Any = await own(elsewhere("/debug/proxies", cart))
    assert found.text == "shop"
    with pytest.raises(HTTPForbidden):
        await everything(elsewhere("/debug/world", cart))
    # and changes nothing; nor does anybody by a link
    for token, headers in ((cart, {"X-Meshpilot": "1"}), (operator(mesh), {})):
        with pytest.raises(HTTPForbidden):
            await guard.changes(_page)(elsewhere("/debug/ca/rotate", token, **headers))


def operator(mesh: Mesh) -> str:
    return mesh.token("istio-system", "anybody")


async def test_t25_an_identity_of_the_root_namespace_sees_and_moves_all(mesh: Mesh) -> None:
    guard = Guard("istio-system", mesh.metrics, mesh.secure.attestors)
    found: Any = await guard.reads(_page)(elsewhere("/debug/world", operator(mesh)))
    assert found.text == "*"
    asked = elsewhere("/debug/ca/rotate", operator(mesh), **{"X-Meshpilot": "1"})
    moved: Any = await guard.changes(_done)(asked)
    assert moved.text == "done"


async def test_t26_who_is_on_the_machine_sees_and_moves_all(mesh: Mesh) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{mesh.http}/debug/world") as answer:
            assert answer.status == 200
        async with client.post(f"{mesh.http}/debug/ca/rotate") as answer:
            assert answer.status == 403
        async with client.post(
            f"{mesh.http}/debug/ca/rotate", headers={"X-Meshpilot": "1"}
        ) as answer:
            assert answer.status == 200
    assert mesh.secure.trust.status()["stage"] != "STABLE"


async def test_t27_no_page_shows_a_key(mesh: Mesh, capfd: pytest.CaptureFixture[str]) -> None:
    pair = keys.pair()
    await mesh.put(
        keys.tls_secret("cert", pair), gateway(server("a", mode="SIMPLE", credentialName="cert"))
    )
    async with opened(secure_channel(mesh), agentless(EDGE), token=mesh.token()) as ads:
        await ads.ask(WORKLOAD, ROOT, KUBERNETES)
        held = await ads.until(WORKLOAD, ROOT, KUBERNETES)
        pages = ["", "/proxies", "/verdicts", "/world", "/certs", "/ca", "/ca/roots"]
        pages.append(f"/config_dump?proxyID={EDGE.name}.{EDGE.namespace}")
        text = ""
        async with aiohttp.ClientSession() as client:
            for page in pages:
                async with client.get(f"{mesh.http}/debug{page}") as answer:
                    assert answer.status == 200, page
                    text += await answer.text()
    written = capfd.readouterr()
    text += generate_latest(mesh.metrics.registry).decode() + written.out + written.err
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE KEY" not in text
    for secret in (held[WORKLOAD], held[KUBERNETES]):
        key = secret.tls_certificate.private_key.inline_bytes.decode()
        assert key.splitlines()[1] not in text
    assert mesh.token() not in text


async def test_t28_a_token_that_is_shown_on_8080_travels_in_the_clear(mesh: Mesh) -> None:
    port = int(mesh.http.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        line = f"GET /debug/proxies HTTP/1.0\r\nAuthorization: Bearer {mesh.token()}\r\n\r\n"
        await loop.sock_sendall(raw, line.encode())
        assert (await loop.sock_recv(raw, 15)).endswith(b"200 OK")


async def test_t29_metrics_tell_numbers_and_no_names(mesh: Mesh) -> None:
    async with opened(
        secure_channel(mesh), agentless(workload("shop", "cart")), token=mesh.token("shop", "cart")
    ) as ads:
        await ads.ask(WORKLOAD)
        await ads.until(WORKLOAD)
        text = generate_latest(mesh.metrics.registry).decode()
    assert "meshpilot_workload_certs" in text
    for name in ("shop", "cart", "spiffe", "127.0.60", "cluster.local"):
        assert name not in text
