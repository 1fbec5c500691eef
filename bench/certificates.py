"""CreateCertificate over TLS with tokens: how many a second, and many identities at once; and how
fast a renewed certificate is acknowledged."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from bench.process import usage
from bench.result import Figure, Goal, Result, one
from bench.samples import milliseconds
from proto.certificates_pb2 import IstioCertificateRequest, IstioCertificateResponse
from sds.tokens import LocalTokens
from tests.fakes import shop
from tests.fakes.control import ControlPlane
from translators.bootstrap import SECRETS_KEY, node_id
from translators.model import ProxyType, SecretSource
from translators.wire import SECRET

_METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
_NAME = "istiod.istio-system.svc"
_BODIES = 64
_IDENTITIES = 2000
_CHANNELS = 20


@dataclass(slots=True)
class Callers:
    """Connections to the secure port of a control plane."""

    control: ControlPlane
    root: bytes
    tokens: LocalTokens
    bodies: Sequence[IstioCertificateRequest]
    errors: Counter[str] = field(default_factory=Counter)

    @classmethod
    async def of(cls, control: ControlPlane) -> "Callers":
        proof = await control.proof("bench", "callers")
        return cls(
            control,
            Path(proof.roots).read_bytes(),  # noqa: ASYNC240 - nothing else runs yet
            LocalTokens(control.directory / "state"),
            [_request() for _ in range(_BODIES)],
        )

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(
            f"127.0.0.1:{self.control.secure}",
            grpc.ssl_channel_credentials(self.root),
            [("grpc.ssl_target_name_override", _NAME), ("grpc.use_local_subchannel_pool", 1)],
        )

    def token(self, account: str) -> str:
        now = datetime.now(UTC)
        return self.tokens.issue("bench", account, seconds=3600, now=now)

    async def ask(self, channel: grpc.aio.Channel, token: str, number: int) -> float | None:
        """Seconds for one certificate; None when it failed, which is counted."""
        call = channel.unary_unary(
            _METHOD,
            request_serializer=IstioCertificateRequest.SerializeToString,
            response_deserializer=IstioCertificateResponse.FromString,
        )
        start = time.monotonic()
        try:
            answer = await call(
                self.bodies[number % _BODIES],
                metadata=(("authorization", f"Bearer {token}"),),
                timeout=30,
            )
        except grpc.aio.AioRpcError as error:
            self.errors[f"{error.code().name}: {error.details()}"] += 1
            return None
        assert len(answer.cert_chain) >= 2
        return time.monotonic() - start


def _request() -> IstioCertificateRequest:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.sign(key, hashes.SHA256())
    pem = csr.public_bytes(serialization.Encoding.PEM).decode()
    return IstioCertificateRequest(csr=pem, validity_duration=3600)


async def certificates(directory: Path, *, seconds: float, parallel: int) -> Result:
    """One connection with `parallel` callers for some seconds; then many identities at once."""
    control = ControlPlane(directory)
    await control.start()
    try:
        callers = await Callers.of(control)
        assert control.process is not None
        took, cpu, elapsed = await _steady(callers, control.process.pid, seconds, parallel)
        failed_steady = sum(callers.errors.values())
        at_once, all_of_them = await _at_once(callers)
        failed = sum(callers.errors.values()) - failed_steady
    finally:
        await control.stop()
    rate = len(took) / elapsed
    return Result(
        f"certificates, {parallel} callers on one connection",
        (
            # fewer is better everywhere in these tables: time for one is the rate turned round
            one("time for each", "ms", 1000 / rate, Goal(p50=1000 / 700, istiod="11.3-12.7 ms")),
            Figure("answer", "ms", milliseconds(took)),
            one("server CPU each", "ms", 1000 * cpu / len(took)),
            one("failed", "requests", failed_steady, Goal(p50=0)),
            Figure(f"{_IDENTITIES} identities at once: answer", "ms", milliseconds(at_once)),
            one("all of them", "s", all_of_them),
            one("failed of them", "requests", failed, Goal(p50=0)),
        ),
        {"certificates a second": f"{rate:.0f}", "errors": dict(callers.errors) or "none"},
    )


async def _steady(
    callers: Callers, pid: int, seconds: float, parallel: int
) -> tuple[list[float], float, float]:
    """Seconds for each, CPU seconds of the server, seconds in all."""
    took: list[float] = []
    token = callers.token("one")

    async def drive(channel: grpc.aio.Channel, until: float, number: int) -> None:
        while time.monotonic() < until:
            answer = await callers.ask(channel, token, number)
            number += parallel
            if answer is not None:
                took.append(answer)

    async with callers.channel() as channel:
        await drive(channel, time.monotonic() + 0.3, 0)
        took.clear()
        before, start = usage(pid), time.monotonic()
        await asyncio.gather(
            *(drive(channel, start + seconds, number) for number in range(parallel))
        )
        elapsed, after = time.monotonic() - start, usage(pid)
    return took, after.cpu - before.cpu, elapsed


async def renewals(directory: Path, *, proxies: int, seconds: float) -> Result:
    """Proxies whose certificates last 4 s: how long after it was made each is acknowledged."""
    control = ControlPlane(directory, ("--workload-cert-ttl", "4"))
    control.write("empty.yaml", shop.service("web", {}))
    await control.start()
    try:
        callers = await Callers.of(control)
        async with asyncio.TaskGroup() as group:
            watching = [
                group.create_task(_held(callers, number, seconds)) for number in range(proxies)
            ]
        received = sum(task.result() for task in watching)
        text = await control.text(control.metrics, "/metrics")
    finally:
        await control.stop()
    buckets = _buckets(text, "meshpilot_secret_ack_seconds")
    return Result(
        f"certificates of 4 s, {proxies} proxies, {seconds:.0f} s",
        (
            one("made -> acknowledged, half within", "ms", _within(buckets, 0.5), Goal(p50=50)),
            one("99 % within", "ms", _within(buckets, 0.99), Goal(p50=50)),
        ),
        {"secrets received": received, "acknowledged": max(buckets.values())},
    )


async def _held(callers: Callers, number: int, seconds: float) -> int:
    """One stream that has its secrets and acknowledges them; how many it received."""
    account = f"account-{number}"
    node = Node(id=node_id(ProxyType.SIDECAR, ip="127.0.0.1", name=account, namespace="bench"))
    node.metadata.update({"NAMESPACE": "bench", SECRETS_KEY: str(SecretSource.ADS)})
    received = 0
    metadata = (("authorization", f"Bearer {callers.token(account)}"),)
    async with callers.channel() as channel:
        stream = channel.stream_stream(
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )(metadata=metadata)
        wanted = ["default", "ROOTCA"]
        await stream.write(
            DeltaDiscoveryRequest(node=node, type_url=SECRET, resource_names_subscribe=wanted)
        )
        try:
            async with asyncio.timeout(seconds):
                async for response in stream:
                    received += len(response.resources)
                    await stream.write(
                        DeltaDiscoveryRequest(type_url=SECRET, response_nonce=response.nonce)
                    )
        except TimeoutError:
            pass
        stream.cancel()
    return received


def _buckets(text: str, name: str) -> dict[float, float]:
    """Upper bounds in seconds, and how many were within."""
    found = {}
    for line in text.splitlines():
        if line.startswith(f'{name}_bucket{{le="'):
            bound, _, number = line.partition('le="')[2].partition('"} ')
            found[float(bound)] = float(number)
    return found


def _within(buckets: dict[float, float], share: float) -> float:
    """The least bound, in ms, that so many kept."""
    most = max(buckets.values())
    return min(bound for bound, number in buckets.items() if number >= share * most) * 1000


async def _at_once(callers: Callers) -> tuple[list[float], float]:
    tokens = [callers.token(f"account-{number}") for number in range(_IDENTITIES)]
    channels = [callers.channel() for _ in range(_CHANNELS)]
    start = time.monotonic()
    answers = await asyncio.gather(
        *(
            callers.ask(channels[number % _CHANNELS], token, number)
            for number, token in enumerate(tokens)
        )
    )
    elapsed = time.monotonic() - start
    await asyncio.gather(*(channel.close() for channel in channels))
    return [answer for answer in answers if answer is not None], elapsed
