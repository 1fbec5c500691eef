"""An ADS server that sends one set of resources, state of the world, and keeps what is refused.

It shares no code with the session: it exists to show a real Envoy translated resources.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from envoy.service.discovery.v3.ads_pb2_grpc import (
    AggregatedDiscoveryServiceServicer,
    add_AggregatedDiscoveryServiceServicer_to_server,
)
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any

from translators.wire import CLUSTER, LISTENER, Packed

VERSION = "1"
_WILDCARD = (CLUSTER, LISTENER)


@dataclass
class FixedAds(AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    resources: Mapping[str, Mapping[str, Packed]]
    nacks: list[str] = field(default_factory=list)
    asked: dict[str, frozenset[str]] = field(default_factory=dict)

    async def StreamAggregatedResources(  # noqa: N802
        self, requests: AsyncIterator[DiscoveryRequest], context: object
    ) -> AsyncIterator[DiscoveryResponse]:
        async for request in requests:
            if request.HasField("error_detail"):
                self.nacks.append(f"{request.type_url}: {request.error_detail.message}")
                continue
            names = frozenset(request.resource_names)
            if request.response_nonce and self.asked.get(request.type_url) == names:
                continue  # an ACK
            self.asked[request.type_url] = names
            yield DiscoveryResponse(
                version_info=VERSION,
                nonce=VERSION,
                type_url=request.type_url,
                resources=self._answer(request.type_url, names),
            )

    def _answer(self, type_url: str, names: frozenset[str]) -> Iterator[Any]:
        for name, packed in self.resources.get(type_url, {}).items():
            if type_url in _WILDCARD or name in names:
                yield Any(type_url=type_url, value=packed.value)


@asynccontextmanager
async def fixed_ads(
    resources: Mapping[str, Mapping[str, Packed]],
) -> AsyncIterator[tuple[FixedAds, int]]:
    """The server and its port on 127.0.0.1."""
    servicer, server = FixedAds(resources), grpc.aio.server()
    add_AggregatedDiscoveryServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield servicer, port
    finally:
        await server.stop(grace=None)
