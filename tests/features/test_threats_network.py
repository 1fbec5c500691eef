"""The threat model, claim by claim: who reaches a port or a socket, and who shares the mesh."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

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
from tests.features.secure import agentless, opened, plain_channel, secure_channel
from tests.features.threats import OK, plugged, sign, stream, workload
from tests.sds.material import csr
from translators.model import PeerMode, ProxyType, SecretSource
from translators.wire import CLUSTER

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
            assert set(seat.snapshot.names(ads.type_url)) <= {ROOT, WORKLOAD}
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
    # once the Pods of the gateway are known, it has to be one of their service accounts
    pod = shop.pod("edge-1", "127.0.60.50", **EDGE.labels)
    pod["spec"]["serviceAccountName"] = "edge"
    await mesh.put(pod)
    async with opened(secure_channel(mesh), agentless(thief), token=token) as ads:
        await ads.ask(KUBERNETES, ROOT)
        await ads.until(ROOT)
        (seat,) = mesh.hub
        assert KUBERNETES not in set(seat.snapshot.names(ads.type_url))
        assert any("service account" in sentence for sentence in mesh.loop.left_out(seat))
    await until(lambda: not len(mesh.hub), "it has gone")
    own, token = replace(EDGE, service_account="edge"), mesh.token("shop", "edge")
    async with opened(secure_channel(mesh), agentless(own), token=token) as ads:
        await ads.ask(KUBERNETES)
        await ads.until(KUBERNETES)


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
        call: Any = plain.unary_unary(f"/{SERVICE}/X")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", timeout=BOUND)
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


# -- neighbours on the machine --------------------------------------------------------------------


async def test_t30_who_finds_the_inner_socket_is_not_let_in(mesh: Mesh) -> None:
    # anybody on the machine can find it, in /proc/net/unix
    inner = mesh.secure._front.backend
    for token in ("", "garbage", mesh.token("shop", "cart")):
        channel = grpc.aio.insecure_channel(inner)
        found = await stream(mesh, workload("shop", "cart"), token=token, channel=channel)
        assert found == "UNAUTHENTICATED"


async def test_t31_who_may_open_the_unix_socket_still_proves_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "meshpilot.sock"
    async with plugged(tmp_path, socket=path) as door:
        assert os.stat(path).st_mode & 0o777 == 0o660
        for token, expected in (("", "UNAUTHENTICATED"), (door.token("shop", "cart"), OK)):
            found = await sign(grpc.aio.insecure_channel(f"unix:{path}"), token=token)
            assert found.status == expected
    assert not path.exists()
