"""Services, their ports and the endpoints behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from translators.model.base import Labels, ObjectRef


class Protocol(StrEnum):
    """What is spoken on a port, from its appProtocol or the prefix of its name (Istio's rules)."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    MONGO = "Mongo"
    MYSQL = "MySQL"
    REDIS = "Redis"
    UDP = "UDP"
    DETECTED = "UnsupportedProtocol"  # nothing says it: the proxy looks at the first bytes

    @property
    def is_http(self) -> bool:
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        """Whether the upstream is spoken to in HTTP/2."""
        return self in _HTTP2


_HTTP = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})
_HTTP2 = frozenset({Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})


class Health(StrEnum):
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


class Resolution(StrEnum):
    """How a client finds the endpoints of a service (Istio's Service.resolution)."""

    CLIENT_SIDE_LB = "ClientSideLB"  # EDS
    PASSTHROUGH = "Passthrough"  # headless: the address that was dialled
    ALIAS = "Alias"  # ExternalName


@dataclass(frozen=True, slots=True)
class Locality:
    region: str = ""
    zone: str = ""
    subzone: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that serves one port. `port` is the number that is dialled."""

    address: str
    port: int
    labels: Labels = field(default_factory=dict)
    health: Health = Health.HEALTHY
    weight: int = 1
    locality: Locality = Locality()
    namespace: str = ""
    workload: str = ""
    service_account: str = ""
    # the Pod or WorkloadEntry behind it; "" for a bare address, which belongs to no subset
    owner: str = ""
    mutual: bool = False  # takes mutual TLS, and clients are told so


@dataclass(frozen=True, slots=True)
class Port:
    """A service port. `target` is the workload's port where the service gives it as a number."""

    number: int
    name: str
    protocol: Protocol
    target: int


@dataclass(frozen=True, slots=True)
class Service:
    """A host name that clients call. Its endpoints are kept apart: they change far more often."""

    hostname: str
    namespace: str
    name: str
    ports: tuple[Port, ...]
    addresses: tuple[str, ...] = ()  # virtual addresses; () for none
    resolution: Resolution = Resolution.CLIENT_SIDE_LB
    external: bool = False  # MESH_EXTERNAL
    kubernetes: bool = True  # has the short names of a Kubernetes Service
    export_to: tuple[str, ...] = ("*",)
    source: ObjectRef = ObjectRef("", "", "")

    def port(self, number: int) -> Port | None:
        return next((p for p in self.ports if p.number == number), None)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Pod or WorkloadEntry: who a proxy is, and what owns an endpoint's address."""

    name: str
    namespace: str
    addresses: tuple[str, ...]
    labels: Labels
    service_account: str
    ready: bool
    ports: Mapping[str, int] = field(default_factory=dict)  # named container ports
    locality: Locality = Locality()
    weight: int = 1
    source: ObjectRef = ObjectRef("", "", "")
