"""A client beside the proxy that holds the key, as Istio's agent does: it asks for certificates
over the secure port, and serves them to its Envoy over SDS on a Unix socket."""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any as AnyMessage

from proto.certificates_pb2 import IstioCertificateRequest, IstioCertificateResponse
from translators import sds
from translators.bootstrap import SECRETS_KEY, Proof
from translators.wire import SECRET, Packed

METHOD: Final = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
_HTTP2: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(slots=True)
class Agent:
    """One workload's agent. `issued` are the ends of the certificates that it was given."""

    proof: Proof
    port: int
    seconds: int
    socket: Path
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    secrets: dict[str, Packed] = field(default_factory=dict)
    issued: dict[str, datetime] = field(default_factory=dict)
    version: int = 0
    listeners: set[asyncio.Event] = field(default_factory=set)

    async def ask(self) -> None:
        """One certificate; whom it names in its request does not matter."""
        names = x509.SubjectAlternativeName([x509.DNSName("whoever.example")])
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        token = Path(self.proof.token).read_text()  # noqa: ASYNC240 - a small file
        credentials = grpc.ssl_channel_credentials(Path(self.proof.roots).read_bytes())  # noqa: ASYNC240
        options = [("grpc.ssl_target_name_override", self.proof.server_name)]
        target = f"127.0.0.1:{self.port}"
        async with grpc.aio.secure_channel(target, credentials, options) as channel:
            answer = await channel.unary_unary(
                METHOD,
                request_serializer=IstioCertificateRequest.SerializeToString,
                response_deserializer=IstioCertificateResponse.FromString,
            )(
                IstioCertificateRequest(
                    csr=request.public_bytes(pem).decode(), validity_duration=self.seconds
                ),
                metadata=(("authorization", f"Bearer {token}"), ("clusterid", "Kubernetes")),
                timeout=10,
            )
        *chain, roots = answer.cert_chain
        key = self.key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        leaf = x509.load_pem_x509_certificate(chain[0].encode())
        self.issued[leaf.fingerprint(hashes.SHA256()).hex()] = leaf.not_valid_after_utc
        self.secrets = {
            "default": sds.certificate("default", chain="".join(chain).encode(), key=key),
            "ROOTCA": sds.trust("ROOTCA", roots=roots.encode()),
        }
        self.version += 1
        for moved in self.listeners:
            moved.set()

    async def renew(self) -> None:
        """A new one at half of the life of each."""
        while True:
            end = max(self.issued.values())
            rest = (end - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.1, rest - self.seconds / 2))
            await self.ask()

    async def stream(self, requests: Any, context: Any) -> None:
        """SDS, state of the world: what is asked for, and again whenever it is another."""
        wanted: list[str] = []
        moved = asyncio.Event()
        self.listeners.add(moved)

        async def read() -> None:
            async for message in requests:
                if list(message.resource_names) != wanted:
                    wanted[:] = message.resource_names
                    moved.set()

        reader = asyncio.get_running_loop().create_task(read(), name="agent-sds")
        try:
            while True:
                await moved.wait()
                moved.clear()
                if wanted:
                    await context.write(self._response(wanted))
        finally:
            reader.cancel()
            self.listeners.discard(moved)

    def _response(self, wanted: list[str]) -> DiscoveryResponse:
        return DiscoveryResponse(
            version_info=str(self.version),
            nonce=str(self.version),
            type_url=SECRET,
            resources=[
                AnyMessage(type_url=SECRET, value=self.secrets[name].value) for name in wanted
            ],
        )


@asynccontextmanager
async def agent(proof: Proof, port: int, directory: Path, *, seconds: int) -> AsyncIterator[Agent]:
    """An agent with its first certificate, serving SDS, renewing; `port` is the secure port."""
    made = Agent(proof, port, seconds, directory / "sds.sock")
    await made.ask()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "envoy.service.secret.v3.SecretDiscoveryService",
                {
                    "StreamSecrets": grpc.stream_stream_rpc_method_handler(
                        made.stream,
                        request_deserializer=DiscoveryRequest.FromString,
                        response_serializer=DiscoveryResponse.SerializeToString,
                    )
                },
            ),
        )
    )
    server.add_insecure_port(f"unix:{made.socket}")
    await server.start()
    renewing = asyncio.get_running_loop().create_task(made.renew(), name="agent-renew")
    try:
        yield made
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        await server.stop(None)


def with_agent(bootstrap: dict[str, Any], socket: Path) -> dict[str, Any]:
    """`bootstrap` as Istio's: secrets come from the cluster `sds-grpc`, and the node says nothing
    else."""
    found = copy.deepcopy(bootstrap)
    del found["node"]["metadata"][SECRETS_KEY]
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    found["static_resources"]["clusters"].append(
        {
            "name": "sds-grpc",
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": "sds-grpc",
                "endpoints": [{"lb_endpoints": [endpoint]}],
            },
            "typed_extension_protocol_options": {
                _HTTP2: {
                    "@type": f"type.googleapis.com/{_HTTP2}",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }
            },
        }
    )
    return found
