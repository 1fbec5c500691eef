"""What attackers hold and try: callers with stolen or forged proofs, and a CA of somebody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from controlplane.secure import assembly
from controlplane.secure.assembly import Secure
from controlplane.secure.certificates import SERVICE
from controlplane.settings import Settings
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.grpcserver import Limits
from controlplane.xds.hub import Hub
from controlplane.xds.rollout import Timing
from controlplane.xds.server import AdsServer
from proto.certificates_pb2 import IstioCertificateRequest, IstioCertificateResponse
from sds.ca.material import Material, assemble
from sds.ca.selfsigned import Kind, SelfSigned
from sds.identity import SpiffeId, of_certificate
from sds.secrets import KeyPair, encode, read_key
from sds.template import leaf
from tests.fakes import pipeline
from tests.fakes.certificates import Root
from tests.features.client import BOUND
from tests.features.mesh import Mesh
from tests.features.secure import agentless, bearer, opened, secure_channel
from tests.sds.material import Ca, csr
from translators.model import Proxy
from translators.wire import CLUSTER

NAME = "istiod.istio-system.svc"
OK = "OK"
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
_PEM = serialization.Encoding.PEM


def workload(namespace: str, account: str, name: str = "cart") -> Proxy:
    """A proxy that says that it is of this account."""
    return replace(pipeline.proxy(name, namespace=namespace), service_account=account)


def channel_to(
    port: int, roots: bytes, pair: KeyPair | None = None, *, name: str = ""
) -> grpc.aio.Channel:
    """To 127.0.0.1; `roots` is whom the caller believes, `pair` what it shows, `name` the server
    that it looks for."""
    credentials = grpc.ssl_channel_credentials(
        roots, pair.key if pair is not None else None, pair.chain if pair is not None else None
    )
    named = (("grpc.ssl_target_name_override", name),) if name else ()
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, (*_OPTIONS, *named))


@asynccontextmanager
async def serving(shown: KeyPair) -> AsyncIterator[int]:
    """The port of somebody who shows `shown`, and serves nothing."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    credentials = grpc.ssl_server_credentials([(shown.key, shown.chain)])
    port: int = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def impostor(shown: KeyPair, roots: bytes) -> str:
    """What a client that looks for the control plane finds at a server that shows `shown`."""
    async with serving(shown) as port:
        return (await sign(channel_to(port, roots, name=NAME))).status


async def stream(
    mesh: Mesh,
    who: Proxy,
    *,
    pair: KeyPair | None = None,
    token: str = "",
    channel: grpc.aio.Channel | None = None,
) -> str:
    """How an ADS stream of a node that says it is `who` ends: OK as soon as there is an answer."""
    via = channel or secure_channel(mesh, pair)
    async with opened(via, agentless(who), token=token) as ads:
        ads.type_url = CLUSTER
        return await ended(ads)


async def ended(ads: Any) -> str:
    """The status with which the stream is refused, or OK for an answer."""
    try:
        await ads.ask()
        assert await ads.call.read() is not grpc.aio.EOF
    except (grpc.aio.AioRpcError, grpc.aio.UsageError):
        return str((await ads.call.code()).name)
    return OK


@dataclass(frozen=True)
class Signed:
    """What CreateCertificate answered: a status, and with OK the chain and its key."""

    status: str
    text: str = ""
    pair: KeyPair | None = None

    @property
    def identity(self) -> str:
        assert self.pair is not None, self
        return str(of_certificate(self.pair.leaf))


async def sign(
    channel: grpc.aio.Channel,
    *,
    token: str = "",
    request: str = "",
    seconds: int = 0,
    **metadata: str,
) -> Signed:
    """Ask for a certificate; `request` instead of a good one."""
    key = ec.generate_private_key(ec.SECP256R1())
    said: Struct = json_format.ParseDict(metadata, Struct())
    async with channel:
        call: Any = channel.unary_unary(
            f"/{SERVICE}/CreateCertificate",
            request_serializer=IstioCertificateRequest.SerializeToString,
            response_deserializer=IstioCertificateResponse.FromString,
        )
        asked = IstioCertificateRequest(
            csr=request or csr(key), validity_duration=seconds, metadata=said
        )
        try:
            answer = await call(asked, metadata=bearer(token) if token else (), timeout=BOUND)
        except grpc.aio.AioRpcError as error:
            return Signed(error.code().name, error.details() or "")
    # all but the last, which are the roots
    chain = "".join(answer.cert_chain[:-1]).encode()
    return Signed(OK, pair=KeyPair(chain, _pem(key)))


def root_key(state: Path) -> Root:
    """What the root key in (a copy of) a state directory can do: sign whatever is wanted."""
    clock = SystemClock()
    kept = SelfSigned(Kind("cluster.local"), state=state, clock=clock.now, random=_zeros)
    return Root(kept.material)


def forged_by(pair: KeyPair, template: Any) -> KeyPair:
    """A certificate that a leaf has signed, with the leaf above it."""
    key = ec.generate_private_key(ec.SECP256R1())
    template = replace(template, public_key=key.public_key())
    made = leaf(template, issuer=pair.leaf, key=read_key(pair.key))
    return KeyPair(encode((made,)) + pair.chain, _pem(key))


async def eventually(found: Callable[[], Awaitable[object]], what: str) -> None:
    """Until what is asked for again and again is so."""
    try:
        async with asyncio.timeout(BOUND):
            # each time a connection is made anew: there is no event to await
            while not await found():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {BOUND} s") from None


# -- a CA that somebody plugs in ------------------------------------------------------------------


def authority(subject: str, parent: Ca | None = None) -> Ca:
    """One that is good now."""
    now = SystemClock().now()
    return Ca(subject, parent, start=now - timedelta(days=1), end=now + timedelta(days=365))


def plug_in(directory: Path, signer: Ca, root: Ca, *revoked: x509.Certificate) -> Material:
    """Write Istio's layout; `revoked` are certificates that are good no more."""
    now = SystemClock().now()
    lists = b"".join(_list(ca, now, revoked) for ca in (signer, root)) if revoked else b""
    (directory / "ca-cert.pem").write_bytes(signer.pem)
    (directory / "ca-key.pem").write_bytes(signer.key_pem)
    (directory / "root-cert.pem").write_bytes(root.pem)
    (directory / "ca-crl.pem").write_bytes(lists)
    return assemble(signer.pem, signer.key_pem, roots=root.pem, crl=lists, now=now)


def _list(ca: Ca, now: datetime, revoked: tuple[x509.Certificate, ...]) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=ca.certificate.subject,
        last_update=now - timedelta(hours=1),
        next_update=now + timedelta(days=1),
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder(one.serial_number, now - timedelta(minutes=1))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(_PEM)


@dataclass(frozen=True)
class Plugged:
    """A secure port whose certificates come from a directory."""

    secure: Secure
    port: int
    clock: SystemClock

    def channel(self, pair: KeyPair | None = None) -> grpc.aio.Channel:
        return channel_to(self.port, self.secure.trust.roots, pair)

    def token(self, namespace: str, account: str) -> str:
        return self.secure.tokens.issue(namespace, account, seconds=3600, now=self.clock.now())

    async def made(self, namespace: str, account: str) -> KeyPair:
        return await self.secure.issuer.make(SpiffeId("cluster.local", namespace, account))


@asynccontextmanager
async def plugged(directory: Path, *aliases: str, socket: Path | None = None) -> AsyncIterator[Any]:
    """A secure port on the CA of `directory`."""
    async with secured(
        Settings(
            config_dir=directory,
            secure_address="127.0.0.1:0",
            secure_socket=socket,
            ca_dir=directory if (directory / "ca-key.pem").exists() else None,
            trust_domain_aliases=aliases,
        )
    ) as made:
        yield made


@asynccontextmanager
async def secured(settings: Settings) -> AsyncIterator[Plugged]:
    clock, metrics, hub = SystemClock(), Telemetry(), Hub()
    secure = assembly.build(settings, hub, clock=clock, metrics=metrics, renewed=lambda _: None)
    ads = AdsServer(
        hub,
        clock=clock,
        timing=Timing(drain=0.0),
        limits=Limits(),
        metrics=metrics,
        ready=lambda: True,
    )
    port = await secure.start(ads)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = secure.run(group)
            yield Plugged(secure, port, clock)
            for task in tasks:
                task.cancel()
    finally:
        await secure.stop()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _zeros(count: int) -> bytes:
    return bytes(count)
