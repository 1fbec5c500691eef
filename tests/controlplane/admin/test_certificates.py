"""Pages about certificates, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from controlplane.admin.certificates import CertificatePages
from controlplane.admin.guards import Guard
from controlplane.admin.servers import application
from controlplane.secure.keyring import ROOT, WORKLOAD
from sds.secrets import read_certificates
from tests.fakes import pipeline
from tests.features.client import until
from tests.features.mesh import Mesh, running
from tests.features.secure import agentless, opened, secure_channel

CONFIRMED = {"X-Meshpilot": "1"}


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        yield made


async def page(mesh: Mesh, path: str, *, status: int = 200) -> Any:
    async with aiohttp.ClientSession() as client, client.get(f"{mesh.http}{path}") as answer:
        assert answer.status == status
        return await answer.json()


async def post(mesh: Mesh, path: str, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{mesh.http}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def test_the_certificate_of_each_proxy(mesh: Mesh) -> None:
    assert await page(mesh, "/debug/certs") == []
    async with opened(
        secure_channel(mesh), agentless(pipeline.proxy("cart")), token=mesh.token()
    ) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        await proxy.until(WORKLOAD, ROOT)
        await until(
            lambda: any(map(mesh.secure.keyring.acknowledged, mesh.hub)), "it has acknowledged"
        )
        (one,) = await page(mesh, "/debug/certs")
        assert one["proxy"] == "cart.shop"
        assert one["identity"] == "spiffe://cluster.local/ns/shop/sa/default"
        assert (one["secrets"], one["state"], one["acknowledged"]) == ("ads", "Active", True)
        assert one["renewal"] > mesh.clock.now().isoformat()
        sent = proxy.held[WORKLOAD].tls_certificate.certificate_chain.inline_bytes
        assert one["chain"].encode() == sent
        assert one["roots"].encode() == mesh.secure.trust.roots
        assert [one] == await page(mesh, "/debug/certs?proxyID=cart.shop")
        assert await page(mesh, "/debug/certs?proxyID=x", status=404) == {
            "error": 'no connected proxy is called "x"'
        }


async def test_from_elsewhere_each_sees_its_own(mesh: Mesh) -> None:
    async with opened(
        secure_channel(mesh), agentless(pipeline.proxy("cart")), token=mesh.token()
    ) as proxy:
        await proxy.ask(WORKLOAD)
        await proxy.until(WORKLOAD)
        app = application()
        pages = CertificatePages(mesh.hub, mesh.secure.keyring, mesh.secure.trust)
        pages.add_to(app, Guard("istio-system", mesh.metrics, mesh.secure.attestors))
        (handler,) = [
            route.handler
            for route in app.router.routes()
            if route.get_info()["path"] == "/debug/certs" and route.method == "GET"
        ]
        for namespace, count in (("istio-system", 1), ("shop", 1), ("far", 0)):
            headers = {"Authorization": f"Bearer {mesh.token(namespace, 'x')}"}
            request = make_mocked_request("GET", "/debug/certs", headers=headers)
            answer: Any = await handler(request.clone(remote="10.0.0.1"))
            assert answer.body.count(b'"identity"') == count


async def test_the_roots(mesh: Mesh) -> None:
    found = await page(mesh, "/debug/ca")
    assert found["stage"] == "STABLE"
    (root,) = found["roots"]
    assert root["signs"]
    assert root["subject"] == "O=cluster.local"
    pem = (await page(mesh, "/debug/ca/roots"))["roots"]
    assert len(read_certificates(pem.encode())) == 1


async def test_a_rotation_is_begun_and_not_by_a_link(mesh: Mesh) -> None:
    assert (await post(mesh, "/debug/ca/rotate"))[0] == 403
    assert len((await page(mesh, "/debug/ca"))["roots"]) == 1
    status, text = await post(mesh, "/debug/ca/resume", **CONFIRMED)
    assert status == 409
    assert "error" in text
    status, _ = await post(mesh, "/debug/ca/rotate", **CONFIRMED)
    assert status == 200
    found = await page(mesh, "/debug/ca")
    assert len(found["roots"]) == 2
    status, text = await post(mesh, "/debug/ca/rotate", **CONFIRMED)
    assert status == 409
    assert "running" in text
