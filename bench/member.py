"""One client of a fleet: what an Envoy says to its control plane, and as little work as possible.

It asks in Envoy's order (CDS, EDS, LDS, RDS), acknowledges everything, and knows names and
versions only. What a cluster or listener refers to is decoded once for all members of a process.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from bench.messages import ack, head, versions
from bench.relay import METHOD, UNLIMITED
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

TYPES: Final = (CLUSTER, ASSIGNMENT, LISTENER, ROUTE)
# windows as wide as Envoy's, a connection for each client
_OPTIONS: Final = (
    *UNLIMITED,
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.lookahead_bytes", 16 << 20),
    ("grpc.http2.bdp_probe", 0),
)


@dataclass(slots=True)
class Knowledge:
    """What resources refer to, decoded once: cluster -> whether it needs an assignment,
    (listener, version) -> its route tables; and requests that many members send alike."""

    assigned: dict[str, bool] = field(default_factory=dict)
    tables: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    subscriptions: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def clusters(self, found: Mapping[str, str], data: bytes) -> tuple[str, ...]:
        """Those of `found` that need an assignment."""
        if not found.keys() <= self.assigned.keys():
            for one in DeltaDiscoveryResponse.FromString(data).resources:
                cluster = Cluster.FromString(one.resource.value)
                self.assigned[one.name] = cluster.type == Cluster.EDS
        return tuple(name for name in found if self.assigned[name])

    def route_tables(self, found: Mapping[str, str], data: bytes) -> tuple[str, ...]:
        """The tables that the listeners in `found` (name -> version) refer to."""
        if not found.items() <= self.tables.keys():
            for one in DeltaDiscoveryResponse.FromString(data).resources:
                self.tables[one.name, one.version] = tuple(_tables(one.resource.value))
        return tuple(dict.fromkeys(t for item in found.items() for t in self.tables[item]))

    def subscription(self, type_url: str, names: tuple[str, ...]) -> bytes:
        """A request that adds `names`, which many members do alike."""
        key = (type_url, *names)
        known = self.subscriptions.get(key)
        if known is None:
            request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names)
            known = self.subscriptions[key] = request.SerializeToString()
        return known


def _tables(listener: bytes) -> Iterable[str]:
    parsed = Listener.FromString(listener)
    for chain in (*parsed.filter_chains, parsed.default_filter_chain):
        for item in chain.filters:
            if item.typed_config.Is(http.HttpConnectionManager.DESCRIPTOR):
                manager = http.HttpConnectionManager.FromString(item.typed_config.value)
                if manager.HasField("rds"):
                    yield manager.rds.route_config_name


@dataclass(slots=True, eq=False)
class Member:
    """One client. `told` is called for each response with its type, bytes and time of arrival."""

    number: int
    node: bytes  # a DeltaDiscoveryRequest with nothing but the node
    knowledge: Knowledge
    told: Callable[["Member", str, bytes, float], None]
    held: dict[str, dict[str, str]] = field(default_factory=lambda: {one: {} for one in TYPES})
    complete: float = 0.0  # CLOCK_MONOTONIC; 0 until everything it refers to has come
    received: int = 0  # bytes of messages on this connection
    responses: int = 0
    _asked: dict[str, set[str]] = field(default_factory=lambda: {one: set() for one in TYPES})
    _open: set[str] = field(default_factory=set)

    async def run(self, target: str, *, resume: bool) -> None:
        """Connect and answer until cancelled. Without `resume` nothing is held."""
        if not resume:
            self.held = {one: {} for one in TYPES}
        self._asked = {one: set(self.held[one]) for one in TYPES}
        self._open = set(TYPES) if resume else set()
        self.complete, self.received, self.responses = 0.0, 0, 0
        async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
            call: Any = channel.stream_stream(METHOD)()
            for request in self._resumed() if resume else (self._first(CLUSTER),):
                await call.write(request)
            if resume:
                self.complete = time.monotonic()
            while (data := await call.read()) is not grpc.aio.EOF:
                for request in self._answers(data, time.monotonic()):
                    await call.write(request)
            code, details = await call.code(), await call.details()
            raise ConnectionError(f"client {self.number}: {code} {details}")

    def _first(self, type_url: str) -> bytes:
        self._open.add(type_url)
        rest = self.node if type_url == CLUSTER else b""
        request: bytes = DeltaDiscoveryRequest(type_url=type_url).SerializeToString()
        return rest + request

    def _resumed(self) -> Iterable[bytes]:
        """As Envoy comes back: what it is subscribed to, and the versions that it has."""
        for type_url in TYPES:
            held = self.held[type_url]
            named = () if type_url in (CLUSTER, LISTENER) else tuple(held)
            request = DeltaDiscoveryRequest(
                type_url=type_url, resource_names_subscribe=named, initial_resource_versions=held
            ).SerializeToString()
            yield self.node + request if type_url == CLUSTER else request

    def _answers(self, data: bytes, now: float) -> Iterable[bytes]:
        """What to say to a response. Whoever refers to something asks for it before the ACK."""
        type_url, nonce, removed = head(data)
        self.received += len(data)
        self.responses += 1
        self.told(self, type_url, data, now)
        found = versions(data)
        held = self.held[type_url]
        held.update(found)
        for name in removed:
            held.pop(name, None)
        if type_url == CLUSTER:
            yield from self._ask(ASSIGNMENT, self.knowledge.clusters(found, data))
        elif type_url == LISTENER:
            yield from self._ask(ROUTE, self.knowledge.route_tables(found, data))
        yield ack(type_url, nonce)
        if LISTENER not in self._open and self._has(ASSIGNMENT):
            yield self._first(LISTENER)
        elif not self.complete and LISTENER in self._open and self._has(ROUTE):
            self.complete = now

    def _ask(self, type_url: str, names: tuple[str, ...]) -> Iterable[bytes]:
        asked = self._asked[type_url]
        fresh = tuple(name for name in names if name not in asked)
        self._open.add(type_url)
        if fresh:
            asked.update(fresh)
            yield self.knowledge.subscription(type_url, fresh)

    def _has(self, type_url: str) -> bool:
        """Whether all that was asked for has come."""
        return type_url in self._open and len(self.held[type_url]) >= len(self._asked[type_url])
