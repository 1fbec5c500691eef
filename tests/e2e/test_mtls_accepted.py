"""Two real Envoys speak what policies say: plaintext, or mutual TLS with the mesh's identities."""

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.fakes import shop
from tests.fakes.certificates import Root
from tests.fakes.envoy import Envoy, envoy
from tests.fakes.fixed_ads import FixedAds, fixed_ads
from tests.fakes.pipeline import Pipeline, proxy
from translators import sds
from translators.bootstrap import Places, bootstrap
from translators.model import Interception, Proxy, SecretSource
from translators.wire import SECRET, Packed

pytestmark = pytest.mark.e2e

SERVER = "127.0.90.11"
LABELS = {"app": "client"}
OTHER = Root.made()
ROOT = Root.made()


def peers(mode: str) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": shop.meta("default"),
        "spec": {"mtls": {"mode": mode}},
    }


def rule(mode: str) -> dict[str, Any]:
    document = shop.rule({})
    document["spec"]["trafficPolicy"] = {"tls": {"mode": mode}}
    return document


def viewer(name: str, secrets: SecretSource = SecretSource.ADS) -> Proxy:
    made = proxy(
        name,
        ip=SERVER if name == "web" else "127.0.90.12",
        labels={"app": name},
        interception=Interception.NONE,
    )
    return replace(made, secrets=secrets)


def mesh(port: int, service_port: int, *documents: dict[str, Any]) -> Pipeline:
    made = Pipeline()
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"] = [{"name": "http", "port": service_port, "targetPort": port}]
    pod = shop.pod("web", SERVER, app="web", **{"security.istio.io/tlsMode": "istio"})
    sidecar = shop.sidecar(service_port)
    sidecar["spec"]["egress"][0]["bind"] = "127.0.0.1"
    made.put(service, pod, sidecar, *documents)
    return made


@asynccontextmanager
async def running(
    made: Pipeline, viewer: Proxy, root: Root, directory: Path
) -> AsyncIterator[tuple[Envoy, FixedAds]]:
    resources: dict[str, Mapping[str, Packed]] = dict(made.packed(viewer))
    pair = root.pair("shop", viewer.name)
    resources[SECRET] = {
        "default": sds.certificate("default", chain=pair.chain, key=pair.key),
        "ROOTCA": sds.trust("ROOTCA", roots=root.pem),
    }
    async with fixed_ads(resources) as (ads, port):
        content = bootstrap(viewer, Places(("127.0.0.1", port)))
        content = json.loads(json.dumps(content).replace("DELTA_GRPC", "GRPC"))
        async with envoy(content, directory, name=viewer.name) as started:
            await started.wait_ready()
            assert ads.nacks == []
            yield started, ads


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def application() -> AsyncIterator[int]:
    """Says who the caller is, as the proxy before it tells."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("x-forwarded-client-cert", ""))

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def ask(url: str) -> tuple[int, str]:
    """Status and answer; 0: the connection was refused or cut."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Host": "web.shop.svc.cluster.local"}) as response,
        ):
            return response.status, await response.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


@pytest.mark.parametrize(
    ("documents", "client", "through", "direct", "secured"),
    [
        ((), ROOT, 200, 200, True),
        ((peers("STRICT"),), ROOT, 200, 0, True),
        ((peers("DISABLE"),), ROOT, 200, 200, False),
        ((peers("STRICT"), rule("ISTIO_MUTUAL")), ROOT, 200, 0, True),
        ((peers("PERMISSIVE"), rule("DISABLE")), ROOT, 200, 200, False),
        ((peers("STRICT"), rule("DISABLE")), ROOT, 503, 0, False),
        ((peers("STRICT"),), OTHER, 503, 0, False),
    ],
    ids=["unset", "strict", "disable", "mutual", "plain", "strict-plain", "stranger"],
)
async def test_policies(
    documents: tuple[dict[str, Any], ...],
    client: Root,
    through: int,
    direct: int,
    secured: bool,
    tmp_path: Path,
) -> None:
    async with application() as port:
        entry = free_port()
        made = mesh(port, entry, *documents)
        async with (
            running(made, viewer("web"), ROOT, tmp_path),
            running(made, viewer("client"), client, tmp_path),
        ):
            status, told = await ask(f"http://127.0.0.1:{entry}/")
            assert status == through
            assert ("URI=spiffe://cluster.local/ns/shop/sa/client" in told) == secured
            assert (await ask(f"http://{SERVER}:{port}/"))[0] == direct


@pytest.mark.parametrize(("mode", "direct"), [("PERMISSIVE", 200), ("STRICT", 0)])
async def test_a_proxy_without_an_identity_never_opens_what_is_strict(
    mode: str, direct: int, tmp_path: Path
) -> None:
    async with application() as port:
        made = mesh(port, free_port(), peers(mode))
        bare = viewer("web", SecretSource.NONE)
        async with running(made, bare, ROOT, tmp_path) as (_, ads):
            assert (await ask(f"http://{SERVER}:{port}/"))[0] == direct
            assert SECRET not in ads.asked


async def test_the_virtual_listener_is_accepted_in_every_mode(tmp_path: Path) -> None:
    for mode in ("UNSET", "PERMISSIVE", "STRICT", "DISABLE"):
        made = mesh(8080, 80, peers(mode))
        captured = replace(viewer("web"), interception=Interception.REDIRECT)
        view = made.packed(captured)
        assert any("virtualInbound" in names for names in view.values())
        async with running(made, captured, ROOT, tmp_path) as (started, ads):
            assert ads.nacks == []
            assert await started.stat("listener_manager.listener_create_failure") == 0
