"""The threat model, claim by claim: who reaches a port or a socket, and who shares the mesh."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import HTTPForbidden, Request, Response
from prometheus_client import generate_latest

from controlplane.admin.guards import NAMESPACE, Guard
from controlplane.convergence import own_view, place
from controlplane.convergence.chains import RAW, Spoken, options
from controlplane.secure.keyring import ROOT, WORKLOAD
from controlplane.xds.server import SECRET_SERVICE, SERVICE
from sds.identity import SpiffeId
from sds.template import CsrError, request
from tests.fakes import keys, pipeline, shop
from tests.fakes.edges import EDGE, gateway, server
from tests.fakes.pipeline import Pipeline
from tests.features.client import BOUND, until
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import agentless, bearer, opened, plain_channel, secure_channel
from tests.features.threats import OK, plugged, sign, stream, workload
from tests.sds.material import csr
from translators.model import PeerMode, ProxyType, SecretSource
from translators.wire import CLUSTER, LISTENER

CART = SpiffeId("cluster.local", "shop", "cart")
KUBERNETES = "kubernetes://cert"
_LABEL = {"security.istio.io/tlsMode": "istio"}


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


def policy(mode: str) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": shop.meta("default"),
        "spec": {"mtls": {"mode": mode}},
    }


# -- workloads of the mesh ------------------------------------------------------------------------


def test_t14_sidecars_know_each_other_and_ask_for_no_more() -> None:
    made = Pipeline()
    made.put(
        policy("STRICT"),
        shop.service("web", {"app": "web"}),
        shop.pod("v1", shop.PLACES["v1"][0], app="web", **_LABEL),
        shop.pod("other", "127.0.60.40", app="other", **_LABEL),
    )
    # clients take only the accounts of the workloads behind the service that they call
    caller = replace(pipeline.proxy(), secrets=SecretSource.ADS)
    cluster = made.view(caller).clusters[f"outbound|9080||{shop.HOST}"]
    assert cluster.tls is not None
    assert cluster.tls.sans == ("spiffe://cluster.local/ns/shop/sa/web",)
    # servers take every identity of the mesh, and of no other: who may call whom is not asked
    behind = replace(
        pipeline.proxy("v1", ip=shop.PLACES["v1"][0], labels={"app": "web"}),
        secrets=SecretSource.ADS,
    )
    view = own_view(place(made.world, behind).own)
    secured = [
        chain.tls
        for listener in view.listeners.values()
        for chain in listener.chains
        if chain.tls is not None
    ]
    assert secured
    for tls in secured:
        assert tls.require
        assert [san.value for san in tls.sans] == ["spiffe://cluster.local/"]


async def test_t15_a_router_has_secrets_of_its_own_namespace_only(mesh: Mesh) -> None:
    await mesh.put(
        keys.tls_secret("cert", keys.pair()),
        gateway(server("a", mode="SIMPLE", credentialName="cert")),
    )
    far = pipeline.proxy("edge", namespace="far", kind=ProxyType.ROUTER, labels=EDGE.labels)
    names = (KUBERNETES, "kubernetes://shop/cert", "kubernetes-gateway://shop/cert")
    for who in (far, workload("shop", "web", "web")):
        token = mesh.token(who.namespace, who.service_account or "default")
        async with opened(secure_channel(mesh), agentless(who), token=token) as ads:
            await ads.ask(*names, ROOT)
            await ads.until(ROOT)
            (seat,) = mesh.hub
            await until(lambda: not seat.session.open_names(), "all is sent")  # noqa: B023
            assert ads.held.keys() == {ROOT}
        await until(lambda: not len(mesh.hub), "it has gone")


async def test_t16_any_workload_of_a_routers_namespace_can_have_its_secrets(mesh: Mesh) -> None:
    pair = keys.pair()
    await mesh.put(
        keys.tls_secret("cert", pair), gateway(server("a", mode="SIMPLE", credentialName="cert"))
    )
    # the token is that of the cart; that it is a router with these labels it says itself
    thief = replace(EDGE, service_account="cart")
    token = mesh.token("shop", "cart")
    async with opened(secure_channel(mesh), agentless(thief), token=token) as ads:
        await ads.ask(KUBERNETES)
        secret = (await ads.until(KUBERNETES))[KUBERNETES]
    assert secret.tls_certificate.private_key.inline_bytes == pair.key


# -- the network ----------------------------------------------------------------------------------


async def test_t17_without_proof_the_secure_port_says_nothing(mesh: Mesh) -> None:
    assert await stream(mesh, workload("shop", "cart")) == "UNAUTHENTICATED"
    assert (await sign(secure_channel(mesh))).status == "UNAUTHENTICATED"
    async with opened(
        secure_channel(mesh), agentless(workload("shop", "cart")), service=SECRET_SERVICE
    ) as sds:
        await sds.ask(ROOT)
        with pytest.raises((grpc.aio.AioRpcError, AssertionError)):
            await sds.receive()
        assert await sds.call.code() is grpc.StatusCode.UNAUTHENTICATED
    # and not at all in plaintext
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.secure_port}") as plain:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await plain.unary_unary(f"/{SERVICE}/X")(b"", timeout=BOUND)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_t18_the_plaintext_port_serves_no_secrets(mesh: Mesh) -> None:
    await mesh.put(
        keys.tls_secret("cert", keys.pair()),
        gateway(server("a", mode="SIMPLE", credentialName="cert")),
    )
    async with opened(plain_channel(mesh), agentless(EDGE), token=mesh.token()) as ads:
        await ads.ask(WORKLOAD, ROOT, KUBERNETES)
        await until(lambda: len(mesh.hub) == 1, "the stream has a seat")
        (seat,) = mesh.hub
        await until(lambda: seat.session.subscribed(ads.type_url, ROOT), "it has asked")
        assert set(seat.snapshot.names(ads.type_url)) == set()
    assert (await sign(plain_channel(mesh), token=mesh.token())).status == "UNIMPLEMENTED"


async def test_t19_who_reaches_the_plaintext_port_reads_any_configuration(mesh: Mesh) -> None:
    for namespace in ("shop", "istio-system"):
        who = workload(namespace, "default")
        assert await stream(mesh, who, channel=plain_channel(mesh)) == OK
    async with opened(plain_channel(mesh), agentless(workload("shop", "cart"))) as ads:
        ads.type_url = CLUSTER
        await ads.ask()
        assert f"outbound|9080||{shop.HOST}".encode() in await ads.call.read()


def test_t20_plaintext_is_taken_from_anybody_unless_the_mode_is_strict() -> None:
    for spoken in Spoken:
        taken = {
            mode: any(option.transport == RAW for option in options(mode, spoken, SecretSource.ADS))
            for mode in PeerMode
        }
        assert taken == {
            PeerMode.PERMISSIVE: True,
            PeerMode.DISABLE: True,
            PeerMode.STRICT: False,
        }
        strict = options(PeerMode.STRICT, spoken, SecretSource.ADS)
        assert all(option.secured for option in strict)


def test_t21_a_proxy_without_identity_behind_strict_takes_nothing() -> None:
    for spoken in Spoken:
        assert options(PeerMode.STRICT, spoken, SecretSource.NONE) == ()


async def test_t22_what_can_be_sent_is_bounded(mesh: Mesh) -> None:
    token = mesh.token("shop", "cart")
    found = await sign(secure_channel(mesh), token=token, request="x" * (4 * 1024 * 1024))
    assert found.status == "RESOURCE_EXHAUSTED"
    found = await sign(secure_channel(mesh), token=token, request=csr() + " " * 16 * 1024)
    assert found.status == "INVALID_ARGUMENT"
    with pytest.raises(CsrError):
        request(csr() + " " * 16 * 1024)
    found = await sign(secure_channel(mesh), token=token + "x" * 4096)
    assert found.status == "UNAUTHENTICATED"
    who = replace(workload("shop", "cart"), id=f"sidecar~127.0.60.1~{'x' * 1024}.shop~x")
    assert await stream(mesh, who, token=token) == "INVALID_ARGUMENT"


async def test_t23_one_identity_that_floods_stops_no_other(mesh: Mesh) -> None:
    issuer = mesh.secure.issuer
    # the clock stands still: what is taken is not given back meanwhile
    moment = mesh.clock.now()
    issuer._clock = lambda: moment
    asked = 0
    while (found := await _taken(issuer)) == "Refused":
        asked += 1
    assert (found, asked) == ("RateLimited", 4_000)
    flood = await sign(secure_channel(mesh), token=mesh.token("shop", "cart"))
    assert flood.status == "RESOURCE_EXHAUSTED"
    assert (await sign(secure_channel(mesh), token=mesh.token("shop", "web"))).status == OK


async def _taken(issuer: Any) -> str:
    try:
        await issuer.sign_csr(CART, "garbage", 0)
    except Exception as error:
        return type(error).__name__
    return OK


# -- debug pages and metrics ----------------------------------------------------------------------


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


# -- neighbours on the machine --------------------------------------------------------------------


async def test_t30_who_finds_the_inner_socket_still_proves_who_it_is(mesh: Mesh) -> None:
    inner = mesh.secure._front.backend
    # anybody on the machine can find it
    assert inner.removeprefix("unix-abstract:") in Path("/proc/net/unix").read_text()
    for who, token, expected in (
        ("cart", "", "UNAUTHENTICATED"),
        ("cart", "garbage", "UNAUTHENTICATED"),
        ("web", mesh.token("shop", "cart"), "PERMISSION_DENIED"),
        ("cart", mesh.token("shop", "cart"), OK),
    ):
        channel = grpc.aio.insecure_channel(inner)
        assert await stream(mesh, workload("shop", who), token=token, channel=channel) == expected


async def test_t31_who_may_open_the_unix_socket_still_proves_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "meshpilot.sock"
    async with plugged(tmp_path, socket=path) as door:
        assert os.stat(path).st_mode & 0o777 == 0o660
        for token, expected in (("", "UNAUTHENTICATED"), (door.token("shop", "cart"), OK)):
            found = await sign(grpc.aio.insecure_channel(f"unix:{path}"), token=token)
            assert found.status == expected
    assert not path.exists()
