"""Listener -> envoy.config.listener.v3.Listener."""

from collections.abc import Iterator
from typing import Final

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import FilterChain as WireChain
from envoy.config.listener.v3.listener_components_pb2 import FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import Listener as WireListener
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from translators import names, rds, tls
from translators.address import socket_address
from translators.hcm import http_connection, proxyless_connection, served_connection
from translators.inspectors import listener_filters
from translators.model import (
    ChainMatch,
    Direction,
    FilterChain,
    HttpConnection,
    Listener,
    TcpForward,
)
from translators.tcp import tcp_forward
from translators.wire import LISTENER, Packed, duration, pack, serialise

CONNECT_TIMEOUT_MS: Final = 15_000
_ACCEPTED_AT_ONCE: Final = 1  # Istio's tuning of listeners that accept

_DIRECTIONS: Final = {
    Direction.INBOUND: TrafficDirection.INBOUND,
    Direction.OUTBOUND: TrafficDirection.OUTBOUND,
    Direction.GATEWAY: TrafficDirection.OUTBOUND,
}


def translate(listener: Listener) -> Packed:
    if listener.api:
        return _api(listener)
    if listener.served:
        return _served(listener)
    wire = WireListener(
        name=listener.name,
        address=socket_address(listener.address, listener.port),
        traffic_direction=_DIRECTIONS[listener.direction],
        filter_chains=map(_chain, listener.chains),
        listener_filters=listener_filters(listener),
    )
    if listener.default_chain:
        wire.default_filter_chain.CopyFrom(_chain(listener.default_chain))
    if listener.bound:
        wire.max_connections_to_accept_per_socket_event.CopyFrom(
            UInt32Value(value=_ACCEPTED_AT_ONCE)
        )
    else:
        wire.bind_to_port.CopyFrom(BoolValue(value=False))
    if listener.use_original_dst:
        wire.use_original_dst.CopyFrom(BoolValue(value=True))
    if listener.detection_timeout:
        wire.listener_filters_timeout.CopyFrom(Duration())
        wire.continue_on_listener_filters_timeout = True
    return Packed(
        type_url=LISTENER,
        name=listener.name,
        value=serialise(wire),
        clusters=frozenset(_clusters(listener)),
        tables=frozenset(_tables(listener)),
        addresses=frozenset({names.socket(listener.address, listener.port)}),
        unit=listener,
    )


def _api(listener: Listener) -> Packed:
    """What a gRPC client asks for under its target's name."""
    handler = listener.chains[0].handler
    assert isinstance(handler, HttpConnection)
    assert isinstance(handler.routes, str)
    wire = WireListener(name=listener.name, address=socket_address(listener.address, listener.port))
    wire.api_listener.api_listener.CopyFrom(pack(proxyless_connection(handler.routes)))
    return Packed(
        type_url=LISTENER,
        name=listener.name,
        value=serialise(wire),
        tables=frozenset({handler.routes}),
        unit=listener,
    )


def _served(listener: Listener) -> Packed:
    """What a gRPC server asks for under the address that it listens on."""
    wire = WireListener(
        name=listener.name,
        address=socket_address(listener.address, listener.port),
        traffic_direction=_DIRECTIONS[listener.direction],
    )
    for chain in listener.chains:
        made = wire.filter_chains.add(name=chain.name, filters=[served_connection(chain.name)])
        if chain.tls is not None:
            made.transport_socket.CopyFrom(tls.downstream(chain.tls))
    return Packed(type_url=LISTENER, name=listener.name, value=serialise(wire), unit=listener)


def _chain(chain: FilterChain) -> WireChain:
    match chain.handler:
        case HttpConnection():
            lifetime = chain.tls.lifetime_ms if chain.tls is not None else None
            network_filter = http_connection(chain.handler, lifetime)
        case TcpForward():
            network_filter = tcp_forward(chain.handler)
    wire = WireChain(name=chain.name, filters=[network_filter])
    if chain.match is not None:
        wire.filter_chain_match.CopyFrom(_match(chain.match))
    if chain.tls is not None:
        wire.transport_socket.CopyFrom(tls.downstream(chain.tls))
    if chain.connect_timeout:
        wire.transport_socket_connect_timeout.CopyFrom(duration(CONNECT_TIMEOUT_MS))
    return wire


def _match(match: ChainMatch) -> FilterChainMatch:
    wire = FilterChainMatch(
        prefix_ranges=[
            CidrRange(address_prefix=address, prefix_len=UInt32Value(value=bits))
            for address, bits in match.prefixes
        ],
        server_names=match.server_names,
        transport_protocol=match.transport_protocol,
        application_protocols=match.application_protocols,
    )
    if match.destination_port is not None:
        wire.destination_port.CopyFrom(UInt32Value(value=match.destination_port))
    return wire


def _handlers(listener: Listener) -> Iterator[HttpConnection | TcpForward]:
    for chain in listener.chains:
        yield chain.handler
    if listener.default_chain:
        yield listener.default_chain.handler


def _clusters(listener: Listener) -> Iterator[str]:
    for handler in _handlers(listener):
        match handler:
            case TcpForward(targets):
                yield from (cluster for cluster, _ in targets)
            case HttpConnection(routes) if not isinstance(routes, str):
                yield from rds.inline_clusters(routes)


def _tables(listener: Listener) -> Iterator[str]:
    for handler in _handlers(listener):
        if isinstance(handler, HttpConnection) and isinstance(handler.routes, str):
            yield handler.routes
