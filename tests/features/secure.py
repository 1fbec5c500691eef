"""Clients of the secure port: what they show, what they ask for, and what they got."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy.config.core.v3.base_pb2 import Node
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from google.protobuf import json_format

from controlplane.xds.server import SECRET_SERVICE, SERVICE
from sds.secrets import KeyPair
from tests.features.client import BOUND
from tests.features.mesh import Mesh
from translators.bootstrap import Places, Proof, bootstrap
from translators.model import Proxy
from translators.wire import SECRET

METHODS = {SERVICE: "AggregatedResources", SECRET_SERVICE: "Secrets"}
# connections are not shared between the channels of one process
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))


def secure_channel(mesh: Mesh, pair: KeyPair | None = None) -> grpc.aio.Channel:
    """To the secure port; `pair` is the certificate that the client shows."""
    credentials = grpc.ssl_channel_credentials(
        mesh.secure.trust.roots,
        pair.key if pair is not None else None,
        pair.chain if pair is not None else None,
    )
    return grpc.aio.secure_channel(f"127.0.0.1:{mesh.secure_port}", credentials, _OPTIONS)


def plain_channel(mesh: Mesh) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}", _OPTIONS)


def bearer(token: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"), *more.items())


def agentless(proxy: Proxy) -> Node:
    """The node of a proxy that gets its certificates from the control plane."""
    proof = Proof(roots="/r", server_name="istiod.istio-system.svc", token="/t", token_secret="")
    places = Places(discovery=("127.0.0.1", 15012), proof=proof)
    described: Any = bootstrap(proxy, places)["node"]
    return json_format.ParseDict(described, Node())


@dataclass(frozen=True)
class Answer:
    """One response: what came, name by name, and what went."""

    type_url: str
    secrets: Mapping[str, Secret]
    removed: tuple[str, ...]


@dataclass
class SecretStream:
    """One stream for secrets; each answer is acknowledged."""

    call: Any
    node: Node
    delta: bool
    type_url: str = SECRET
    held: dict[str, Secret] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    # the state of the world has one version for all, and each request says all names
    version: str = ""
    names: tuple[str, ...] = ()
    nonce: str = ""

    async def ask(self, *names: str, versions: Mapping[str, str] | None = None) -> None:
        """For secrets, with what is held from the stream before."""
        if self.delta:
            request = DeltaDiscoveryRequest(
                node=self.node,
                type_url=self.type_url,
                resource_names_subscribe=names,
                initial_resource_versions=versions or {},
            )
            await self.call.write(request.SerializeToString())
            return
        self.names = (*self.names, *names)
        await self._state()

    async def receive(self) -> Answer:
        content = await self.call.read()
        assert content is not grpc.aio.EOF, "the server has ended the stream"
        if self.delta:
            return await self._changes(DeltaDiscoveryResponse.FromString(content))
        response = DiscoveryResponse.FromString(content)
        found = [Secret.FromString(item.value) for item in response.resources]
        self.version, self.nonce = response.version_info, response.nonce
        secrets = {secret.name: secret for secret in found}
        # only of clusters and listeners does what is left out count as gone
        self.held.update(secrets)
        await self._state()
        return Answer(response.type_url, secrets, ())

    async def until(self, *names: str) -> Mapping[str, Secret]:
        """Until all of `names` are held."""
        while not set(names) <= self.held.keys():
            await self.receive()
        return self.held

    async def _changes(self, response: DeltaDiscoveryResponse) -> Answer:
        secrets = {one.name: Secret.FromString(one.resource.value) for one in response.resources}
        assert all(one.name == secrets[one.name].name for one in response.resources)
        self.held.update(secrets)
        self.versions.update({one.name: one.version for one in response.resources})
        for name in response.removed_resources:
            self.held.pop(name, None)
        acknowledged = DeltaDiscoveryRequest(
            type_url=response.type_url, response_nonce=response.nonce
        )
        await self.call.write(acknowledged.SerializeToString())
        return Answer(response.type_url, secrets, tuple(response.removed_resources))

    async def _state(self) -> None:
        request = DiscoveryRequest(
            node=self.node,
            type_url=self.type_url,
            resource_names=self.names,
            version_info=self.version,
            response_nonce=self.nonce,
        )
        await self.call.write(request.SerializeToString())


@asynccontextmanager
async def opened(
    channel: grpc.aio.Channel,
    node: Node,
    *,
    token: str = "",
    delta: bool = True,
    service: str = SERVICE,
    metadata: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[SecretStream]:
    """A stream over `channel`, which is closed with it."""
    async with channel:
        method = f"/{service}/{'Delta' if delta else 'Stream'}{METHODS[service]}"
        shown = (*(bearer(token) if token else ()), *metadata)
        call: Any = channel.stream_stream(method)(metadata=shown, timeout=BOUND * 3)
        yield SecretStream(call, node, delta)
        call.cancel()
