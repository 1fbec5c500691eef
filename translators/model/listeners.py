"""Listeners: an address, its filter chains, and what each chain does with a connection."""

from dataclasses import dataclass
from enum import StrEnum

from translators.model.base import ObjectRef
from translators.model.routes import RouteTable
from translators.model.tls import DownstreamTls


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    GATEWAY = "gateway"


class Inspector(StrEnum):
    """Listener filters, in the order they are sent."""

    ORIGINAL_DST = "original_dst"
    TLS = "tls"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class HttpConnection:
    """HTTP is spoken: routes come over RDS by name, or stand in the listener. `http2`: the port is
    known to speak HTTP/2. `grpc_web`: browsers are spoken to in gRPC-Web, services in gRPC."""

    routes: str | RouteTable
    direction: Direction
    stat_prefix: str
    http2: bool = False
    grpc_web: bool = False


@dataclass(frozen=True, slots=True)
class TcpForward:
    """Bytes are passed on to clusters by weight (one cluster: weight 0)."""

    targets: tuple[tuple[str, int], ...]
    stat_prefix: str
    idle_timeout_ms: int | None = None
    max_connection_duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ChainMatch:
    destination_port: int | None = None
    prefixes: tuple[tuple[str, int], ...] = ()  # (address, bits)
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterChain:
    """`connect_timeout`: whether the 15 s transport_socket_connect_timeout stands on the chain.
    `tls` None: plaintext, or whatever passes through."""

    name: str
    handler: HttpConnection | TcpForward
    match: ChainMatch | None = None
    connect_timeout: bool = False
    tls: DownstreamTls | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """`bound` False: the listener only receives what a virtual listener hands over."""

    name: str
    address: str
    port: int
    direction: Direction
    chains: tuple[FilterChain, ...]
    default_chain: FilterChain | None = None
    bound: bool = True
    use_original_dst: bool = False
    inspectors: tuple[Inspector, ...] = ()
    # destination ports that an inspector does not look at, by inspector
    uninspected: tuple[tuple[Inspector, tuple[int, ...]], ...] = ()
    detection_timeout: bool = False  # listener_filters_timeout 0 s, and on after it
    api: bool = False  # not listened on: how a gRPC client finds the routes of its target
    served: bool = False  # for a gRPC server, which answers requests itself
    source: ObjectRef | None = None  # None: it is there for all services of its port
