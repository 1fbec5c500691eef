"""Certificates and Secrets over streams: who is sent what, when it is sent again, and when not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import grpc
import pytest
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from structlog.testing import capture_logs

from controlplane.secure.keyring import ROOT, WORKLOAD
from controlplane.xds.hub import Seat
from controlplane.xds.server import SECRET_SERVICE, SERVICE
from sds.check import examine
from sds.identity import SpiffeId
from sds.lifecycle import Alarm
from sds.secrets import read_bundle, read_keypair
from tests.fakes import keys, pipeline, shop
from tests.fakes.authorities import Moody
from tests.fakes.edges import EDGE, gateway, server
from tests.features.client import node_of, until
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import (
    Answer,
    agentless,
    opened,
    plain_channel,
    secure_channel,
)
from translators.bootstrap import SECRETS_KEY
from translators.model import Proxy, SecretSource
from translators.wire import SECRET

PROXY = pipeline.proxy("cart")
ID = SpiffeId("cluster.local", shop.NAMESPACE, "default")
WAYS = pytest.mark.parametrize(
    ("service", "delta"),
    [(SERVICE, True), (SERVICE, False), (SECRET_SERVICE, True), (SECRET_SERVICE, False)],
    ids=["ADS delta", "ADS sotw", "SDS delta", "SDS sotw"],
)
LOUD = (Alarm.ERROR.name, Alarm.EXPIRED.name)
ALIKE = pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


@pytest.fixture
async def brief() -> AsyncIterator[Mesh]:
    """Certificates last three seconds: they are renewed after one to one and a half."""
    async with running(workload_ttl=3.0) as made:
        await made.put(*documents())
        yield made


def stream(mesh: Mesh, proxy: Proxy = PROXY, **how: Any) -> Any:
    return opened(
        secure_channel(mesh),
        agentless(proxy),
        token=mesh.token(proxy.namespace, proxy.service_account or "default"),
        **how,
    )


def workload(secret: Secret) -> tuple[bytes, bytes]:
    """Chain and key."""
    certificate = secret.tls_certificate
    return certificate.certificate_chain.inline_bytes, certificate.private_key.inline_bytes


def trusted(secret: Secret) -> bytes:
    content: bytes = secret.validation_context.trusted_ca.inline_bytes
    return content


def sent(mesh: Mesh) -> int:
    """Secrets that were sent to anybody."""
    return int(mesh.metrics.resources.labels("Secret")._value.get())


async def settled(mesh: Mesh) -> None:
    """Until the only proxy that is there has acknowledged its certificate and the roots."""

    def rests() -> bool:
        keyring = mesh.secure.keyring
        return any(
            keyring.acknowledged(seat)
            and seat.session.holds(SECRET, ROOT) == keyring.trust().version
            for seat in mesh.hub
        )

    await until(rests, "it has all that it asked for")


async def asked(mesh: Mesh, name: str) -> Seat:
    """The seat of the only proxy that is there, once it has asked for `name`."""
    await until(
        lambda: any(seat.session.subscribed(SECRET, name) for seat in mesh.hub), "it has asked"
    )
    (seat,) = mesh.hub
    return seat


@WAYS
async def test_a_proxy_without_an_agent_gets_its_certificate_and_the_roots(
    mesh: Mesh, service: str, delta: bool
) -> None:
    async with stream(mesh, service=service, delta=delta) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        held = await proxy.until(WORKLOAD, ROOT)
    assert held.keys() == {WORKLOAD, ROOT}
    chain, key = workload(held[WORKLOAD])
    assert trusted(held[ROOT]) == mesh.secure.trust.roots
    assert read_keypair(chain, key).identity == ID
    faults = examine(
        chain,
        roots=read_bundle(trusted(held[ROOT])),
        key=key,
        now=mesh.clock.now(),
        trust_domains=["cluster.local"],
    )
    assert faults == ()


async def test_the_two_may_be_asked_for_one_after_the_other(mesh: Mesh) -> None:
    for delta in (True, False):
        async with stream(mesh, delta=delta) as proxy:
            await proxy.ask(WORKLOAD)
            await proxy.until(WORKLOAD)
            await proxy.ask(ROOT)
            assert (await proxy.until(ROOT)).keys() == {WORKLOAD, ROOT}


@ALIKE
async def test_over_plaintext_nobody_gets_any(mesh: Mesh, delta: bool) -> None:
    node = agentless(PROXY)
    async with opened(plain_channel(mesh), node, token=mesh.token(), delta=delta) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        seat = await asked(mesh, ROOT)
        assert seat.proxy.secrets is SecretSource.NONE
        assert set(seat.snapshot.names(SECRET)) == set()
        assert mesh.secure.keyring.certificate(seat) is None
    assert sent(mesh) == 0


@ALIKE
async def test_beside_an_agent_nobody_gets_any(mesh: Mesh, delta: bool) -> None:
    node = node_of(PROXY)
    # Istio's agents know nothing of it
    del node.metadata.fields[SECRETS_KEY]
    async with opened(secure_channel(mesh), node, token=mesh.token(), delta=delta) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        seat = await asked(mesh, ROOT)
        assert seat.proxy.secrets is SecretSource.AGENT
        assert set(seat.snapshot.names(SECRET)) == set()
    assert sent(mesh) == 0


@ALIKE
async def test_the_service_for_secrets_has_nothing_else(mesh: Mesh, delta: bool) -> None:
    async with stream(mesh, service=SECRET_SERVICE, delta=delta) as proxy:
        proxy.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
        await proxy.ask("x")
        with pytest.raises(grpc.aio.AioRpcError, match="is not served here") as caught:
            await proxy.receive()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_who_comes_back_is_sent_nothing_again(mesh: Mesh) -> None:
    async with stream(mesh) as first:
        await first.ask(WORKLOAD, ROOT)
        held = dict(await first.until(WORKLOAD, ROOT))
        await settled(mesh)
    assert sent(mesh) == 2
    await until(lambda: not len(mesh.hub), "it has gone")
    async with stream(mesh) as again:
        await again.ask(WORKLOAD, ROOT, versions=first.versions)
        await settled(mesh)
        assert sent(mesh) == 2
        (seat,) = mesh.hub
        assert mesh.secure.keyring.acknowledged(seat)
        # it is the same key, not another one that was made meanwhile
        pair = mesh.secure.keyring.certificate(seat)
        assert pair is not None
        assert (pair.chain, pair.key) == workload(held[WORKLOAD])


async def test_two_proxies_of_one_identity_have_keys_of_their_own(mesh: Mesh) -> None:
    async with AsyncExitStack() as stack:
        found = []
        for name in ("cart-1", "cart-2"):
            proxy = await stack.enter_async_context(stream(mesh, pipeline.proxy(name)))
            await proxy.ask(WORKLOAD)
            found.append((await proxy.until(WORKLOAD))[WORKLOAD])
    one, other = (read_keypair(*workload(secret)) for secret in found)
    assert one.identity == other.identity == ID
    assert one.key != other.key
    assert one.leaf.public_key() != other.leaf.public_key()


@WAYS
async def test_a_certificate_is_renewed_in_time_and_comes_alone(
    brief: Mesh, service: str, delta: bool
) -> None:
    async with stream(brief, service=service, delta=delta) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        before = workload((await proxy.until(WORKLOAD, ROOT))[WORKLOAD])
        answer: Answer = await proxy.receive()
        assert answer.secrets.keys() == {WORKLOAD}
        after = workload(answer.secrets[WORKLOAD])
    assert before[1] != after[1]
    was, is_now = (read_keypair(*pair) for pair in (before, after))
    assert was.leaf.serial_number != is_now.leaf.serial_number
    left = (was.not_after - brief.clock.now()).total_seconds()
    assert 0 < left <= 2


async def test_what_a_ca_that_fails_leaves(brief: Mesh) -> None:
    issuer = brief.secure.issuer
    moody = Moody(issuer._authority)
    issuer._authority = moody
    with capture_logs() as logs:
        async with stream(brief) as proxy:
            await proxy.ask(WORKLOAD, ROOT)
            before = (await proxy.until(WORKLOAD, ROOT))[WORKLOAD]
            seat = await asked(brief, ROOT)
            in_force = seat.snapshot.get(SECRET, WORKLOAD)
            moody.broken = "the CA is on fire"
            await until(lambda: len(set(alarms(logs))) > 1, "the alarm rises")
            assert seat.snapshot.get(SECRET, WORKLOAD) == in_force
            state = brief.secure.keyring.state(seat)
            assert state is not None
            assert str(state.phase) in ("Failed", "Rotating")
            moody.broken = ""
            answer = await proxy.receive()
            assert answer.secrets.keys() == {WORKLOAD}
            assert workload(answer.secrets[WORKLOAD]) != workload(before)
    found = alarms(logs)
    assert found == sorted(found)
    assert found[0] is Alarm.INFO
    assert brief.metrics.renewals.labels("failed")._value.get() == len(found)


def alarms(logs: list[Any]) -> list[Alarm]:
    said = [entry for entry in logs if entry["event"] == "certificate_not_renewed"]
    for entry in said:
        assert entry["identity"] == str(ID)
        assert entry["why"] == "the CA is on fire"
        assert entry["log_level"] == ("error" if entry["alarm"] in LOUD else "warning")
    return [Alarm[entry["alarm"]] for entry in said]


async def test_who_comes_while_the_ca_fails_is_served_when_it_is_back(mesh: Mesh) -> None:
    issuer = mesh.secure.issuer
    moody = Moody(issuer._authority, "the CA is on fire")
    issuer._authority = moody
    async with stream(mesh) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        await until(lambda: moody.refused, "it was tried")
        assert (await proxy.until(ROOT)).keys() == {ROOT}
        moody.broken = ""
        assert (await proxy.until(WORKLOAD)).keys() == {WORKLOAD, ROOT}


# -- Secrets of Gateways --------------------------------------------------------------------------

KUBERNETES = "kubernetes://cert"


@ALIKE
async def test_a_router_gets_the_secrets_that_its_gateways_name(mesh: Mesh, delta: bool) -> None:
    pair = keys.pair()
    await mesh.put(
        keys.tls_secret("cert", pair, ca_crt=keys.roots()),
        gateway(server("a", mode="MUTUAL", credentialName="cert")),
    )
    async with stream(mesh, EDGE, delta=delta) as router:
        await router.ask(KUBERNETES, f"{KUBERNETES}-cacert")
        held = await router.until(KUBERNETES, f"{KUBERNETES}-cacert")
        assert workload(held[KUBERNETES]) == (pair.certificate, pair.key)
        assert trusted(held[f"{KUBERNETES}-cacert"]) == keys.roots()
        renewed = keys.pair("b.example.com")
        await mesh.put(keys.tls_secret("cert", renewed, ca_crt=keys.roots()))
        answer = await router.receive()
        if delta:
            assert answer.secrets.keys() == {KUBERNETES}
        assert workload(answer.secrets[KUBERNETES]) == (renewed.certificate, renewed.key)


@ALIKE
async def test_a_secret_that_comes_later_is_pushed(mesh: Mesh, delta: bool) -> None:
    await mesh.put(gateway(server("a", mode="SIMPLE", credentialName="cert")))
    async with stream(mesh, EDGE, delta=delta) as router:
        await router.ask(KUBERNETES)
        await asked(mesh, KUBERNETES)
        assert sent(mesh) == 0
        pair = keys.pair()
        await mesh.put(keys.tls_secret("cert", pair))
        held = await router.until(KUBERNETES)
        assert workload(held[KUBERNETES]) == (pair.certificate, pair.key)


async def test_secrets_are_for_routers_of_their_namespace_that_need_them(mesh: Mesh) -> None:
    await mesh.put(
        keys.tls_secret("cert", keys.pair()),
        gateway(server("a", mode="SIMPLE", credentialName="cert")),
    )
    far = replace(
        pipeline.proxy("edge", namespace="far", kind=EDGE.type, labels=EDGE.labels), ip="127.0.60.9"
    )
    idle = pipeline.proxy("idle", kind=EDGE.type, labels={"app": "idle"})
    sidecar = pipeline.proxy("edge", labels=EDGE.labels)
    for other in (far, idle, sidecar):
        names = (KUBERNETES, "kubernetes://shop/cert", "kubernetes-gateway://shop/cert")
        async with stream(mesh, other) as proxy:
            await proxy.ask(*names, WORKLOAD, ROOT)
            await proxy.until(WORKLOAD, ROOT)
            await settled(mesh)
            assert proxy.held.keys() == {WORKLOAD, ROOT}
        await until(lambda: not len(mesh.hub), "it has gone")
    async with opened(plain_channel(mesh), agentless(EDGE)) as proxy:
        await proxy.ask(KUBERNETES)
        seat = await asked(mesh, KUBERNETES)
        assert set(seat.snapshot.names(SECRET)) == set()
