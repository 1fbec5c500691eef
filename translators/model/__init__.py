"""The language that convergence and the translators share.

base        where a value comes from, labels
services    services, ports, endpoints, workloads
policies    traffic policies of a destination
routes      virtual hosts and routes
listeners   listeners and filter chains
proxies     the proxy that asks
tls         transport security          secrets     what a secret holds
views       what one group of proxies shall run

Every class is frozen. Durations are whole milliseconds. Nothing here knows Envoy or Kubernetes.
"""

from translators.model.base import Labels, ObjectRef, selects
from translators.model.listeners import (
    ChainMatch,
    Direction,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    TcpForward,
)
from translators.model.policies import (
    DEFAULT_POLICY,
    ConnectionPool,
    LoadBalancer,
    OutlierDetection,
    TcpKeepalive,
    TrafficPolicy,
)
from translators.model.proxies import Interception, Proxy, ProxyType
from translators.model.routes import (
    NO_HEADERS,
    CatchAll,
    HeaderMatch,
    HeaderOperations,
    MatchKind,
    Retry,
    Rewrite,
    Route,
    RouteMatch,
    RouteTable,
    StringMatch,
    Target,
    VirtualHost,
)
from translators.model.secrets import Certificate, SecretContent, Trust
from translators.model.services import (
    Endpoint,
    Health,
    Locality,
    Port,
    Protocol,
    Resolution,
    Service,
    Workload,
)
from translators.model.tls import (
    ClientTls,
    DownstreamTls,
    PeerMode,
    SecretRef,
    SecretSource,
    TlsMode,
    UpstreamTls,
)
from translators.model.views import EMPTY_VIEW, Assignment, Changes, Cluster, Discovery, View

__all__ = [
    "DEFAULT_POLICY",
    "EMPTY_VIEW",
    "NO_HEADERS",
    "Assignment",
    "CatchAll",
    "Certificate",
    "ChainMatch",
    "Changes",
    "ClientTls",
    "Cluster",
    "ConnectionPool",
    "Direction",
    "Discovery",
    "DownstreamTls",
    "Endpoint",
    "FilterChain",
    "HeaderMatch",
    "HeaderOperations",
    "Health",
    "HttpConnection",
    "Inspector",
    "Interception",
    "Labels",
    "Listener",
    "LoadBalancer",
    "Locality",
    "MatchKind",
    "ObjectRef",
    "OutlierDetection",
    "PeerMode",
    "Port",
    "Protocol",
    "Proxy",
    "ProxyType",
    "Resolution",
    "Retry",
    "Rewrite",
    "Route",
    "RouteMatch",
    "RouteTable",
    "SecretContent",
    "SecretRef",
    "SecretSource",
    "Service",
    "StringMatch",
    "Target",
    "TcpForward",
    "TcpKeepalive",
    "TlsMode",
    "TrafficPolicy",
    "Trust",
    "UpstreamTls",
    "View",
    "VirtualHost",
    "Workload",
    "selects",
]
