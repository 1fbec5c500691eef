"""What one group of proxies shall run: the last form before Envoy's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from translators.model.base import ObjectRef
from translators.model.listeners import Listener
from translators.model.policies import DEFAULT_POLICY, TrafficPolicy
from translators.model.routes import RouteTable
from translators.model.services import Endpoint, Protocol
from translators.model.tls import UpstreamTls


class Discovery(StrEnum):
    """Where a cluster has its endpoints from."""

    EDS = "eds"
    STATIC = "static"
    ORIGINAL_DST = "original_dst"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One upstream. `service` is (hostname, name, namespace) for Istio's metadata.

    `bind_source` is the address that connections come from (127.0.0.6 for inbound passthrough).
    `downstream_protocol`: speak upstream what the client speaks. `tls` None: plaintext.
    """

    name: str
    discovery: Discovery
    protocol: Protocol = Protocol.TCP
    policy: TrafficPolicy = DEFAULT_POLICY
    service: tuple[str, str, str] | None = None
    subset: str = ""
    endpoints: tuple[Endpoint, ...] = ()  # of a STATIC cluster
    bind_source: str = ""
    downstream_protocol: bool = False
    unlimited: bool = True  # circuit breakers far away; BlackHoleCluster has none
    proxyless: bool = False  # for gRPC clients: nothing that they do not know
    tls: UpstreamTls | None = None
    source: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The endpoints of one EDS cluster."""

    cluster: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Names that may differ from the view whose `mark` is `since`; all others do not."""

    since: object
    clusters: frozenset[str] = frozenset()
    assignments: frozenset[str] = frozenset()
    listeners: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a layer of a proxy's configuration says, by name.

    A value that did not change is the same object as in the view before: identity decides what
    is translated again. `changes` spares those who know the view before the search for it.
    """

    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    listeners: Mapping[str, Listener] = field(default_factory=dict)
    tables: Mapping[str, RouteTable] = field(default_factory=dict)
    mark: object = field(default_factory=object, compare=False, repr=False)
    changes: Changes | None = field(default=None, compare=False, repr=False)


EMPTY_VIEW = View()
