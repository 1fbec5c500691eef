"""Records of the mesh: a service, its backends, its policies, rules, scopes and gateways, as they
are in force. The caches on them are memos of pure functions: they live as long as the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from controlplane.kinds import Key, SecretSpec, ServerTls
from translators.model import (
    Assignment,
    Cluster,
    Endpoint,
    HeaderOperations,
    Health,
    Labels,
    LoadBalancer,
    Port,
    Retry,
    Rewrite,
    Route,
    RouteMatch,
    RouteTable,
    SecretSource,
    Service,
    TrafficPolicy,
    VirtualHost,
    selects,
)

MESH: Final = "mesh"  # the reserved gateway name: all sidecars


class ServiceId(NamedTuple):
    """Kubernetes host names are unique; a ServiceEntry's host is, within its namespace."""

    hostname: str
    namespace: str


class SecretId(NamedTuple):
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A Secret in force. `retained`: it is no longer written, but Gateways still name it."""

    spec: SecretSpec
    retained: bool = False


class Target(NamedTuple):
    """A workload port that a service serves at one address."""

    service: ServiceId
    port: int
    endpoint_port: int


@dataclass(frozen=True, slots=True)
class SubsetPolicy:
    """A subset of a DestinationRule: which endpoints, and their policy for each port."""

    name: str
    labels: Labels
    policy: TrafficPolicy | None
    ports: Mapping[int, TrafficPolicy]


@dataclass(frozen=True, slots=True, eq=False)
class HostPolicy:
    """All DestinationRules of one namespace for one host, merged: oldest first (Istio's rules)."""

    keys: tuple[Key, ...]
    policy: TrafficPolicy | None
    ports: Mapping[int, TrafficPolicy]
    subsets: Mapping[str, SubsetPolicy]
    export_to: tuple[str, ...]
    retained: frozenset[str] = frozenset()  # subsets that only routes in force still name

    @property
    def dials_addresses(self) -> bool:
        """Whether some cluster under this policy goes to addresses as they were dialled."""
        written = [self.policy, *self.ports.values()]
        for subset in self.subsets.values():
            written += (subset.policy, *subset.ports.values())
        return any(p is not None and p.load_balancer is LoadBalancer.PASSTHROUGH for p in written)

    def effective(self, port: int, subset: SubsetPolicy | None) -> TrafficPolicy:
        """The policy of one cluster: a port's policy replaces what holds for all ports, that of
        the host as well as that of the subset; a subset's blocks override block by block."""
        base = self.ports.get(port) or self.policy or TrafficPolicy()
        if subset is None:
            return base
        if port in subset.ports:
            return subset.ports[port]
        over = subset.policy
        if over is None:
            return base
        return TrafficPolicy(
            load_balancer=over.load_balancer
            if over.load_balancer != TrafficPolicy().load_balancer
            else base.load_balancer,
            connection_pool=over.connection_pool or base.connection_pool,
            outlier_detection=over.outlier_detection or base.outlier_detection,
            tls=over.tls or base.tls,
        )


NO_POLICY: Final = HostPolicy((), None, {}, {}, ("*",))


@dataclass(frozen=True, slots=True, eq=False)
class Backends:
    """The endpoints of one service by port number. `earlier` lends the assignments that were made
    of the backends before, as far as they are the same still.

    `accounts` are the (namespace, service account) of all endpoints, in a fixed order.
    """

    ports: Mapping[int, tuple[Endpoint, ...]]
    earlier: Mapping[tuple[object, ...], Assignment] = field(default_factory=dict, repr=False)
    memo: dict[tuple[object, ...], Assignment] = field(default_factory=dict, repr=False)
    accounts: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        found = {
            (endpoint.namespace, endpoint.service_account)
            for endpoints in self.ports.values()
            for endpoint in endpoints
            if endpoint.service_account
        }
        object.__setattr__(self, "accounts", tuple(sorted(found)))

    def assignment(
        self,
        name: str,
        port: int,
        labels: Labels | None,
        *,
        plain: bool = False,
        healthy: bool = False,
    ) -> Assignment:
        """The assignment called `name`: the endpoints of `port` that have `labels`, if any are
        asked for. `plain`: none of them says that it takes mutual TLS. `healthy`: no others. The
        same object for as long as endpoints and labels stay."""
        asked = None if labels is None else tuple(sorted(labels.items()))
        memo = (name, port, asked, plain, healthy)
        known = self.memo.get(memo)
        if known is None:
            found = self.ports.get(port, ())
            if labels is not None:
                # an address without an owner has no labels, so belongs to no subset
                found = tuple(e for e in found if e.owner and selects(labels, e.labels))
            if healthy:
                found = tuple(e for e in found if e.health is Health.HEALTHY)
            if plain:
                found = tuple(replace(e, mutual=False) if e.mutual else e for e in found)
            known = self.earlier.get(memo)
            if known is None or known.endpoints != found:
                known = Assignment(name, found)
            self.memo[memo] = known
        return known


NO_BACKENDS: Final = Backends({})


@dataclass(frozen=True, slots=True)
class Sight:
    """What decides, beside the policy, how a client connects to a service.

    identities  the SPIFFE ids of everything behind the service, in a fixed order
    automatic   whether endpoints are asked what they want, where no DestinationRule says it
    headless    the addresses of the service's endpoints are dialled, or may be
    unanimous   ports whose endpoints all take mutual TLS; only where addresses may be dialled, so
                that no endpoint can be asked
    """

    secrets: SecretSource
    router: bool
    identities: tuple[str, ...]
    automatic: bool
    headless: bool = False
    unanimous: frozenset[int] = frozenset()
    lifetime_ms: int | None = None  # of connections that are secured with the mesh's identities


@dataclass(frozen=True, slots=True)
class Made:
    """The clusters of a service, and what they were made of."""

    policy: HostPolicy
    sight: Sight
    clusters: Mapping[str, Cluster]


@dataclass(frozen=True, slots=True, eq=False)
class ServiceRecord:
    """One service as it is in force, with memos of what has been made of it.

    `retained` holds port numbers (None: the whole service) that are no longer written, but that
    routes in force still use.
    """

    id: ServiceId
    service: Service
    retained: frozenset[int | None] = frozenset()
    clusters: dict[tuple[object, ...], Made] = field(default_factory=dict, repr=False)
    hosts: dict[tuple[object, ...], tuple[object, VirtualHost]] = field(
        default_factory=dict, repr=False
    )
    tables: dict[tuple[object, ...], tuple[VirtualHost, RouteTable]] = field(
        default_factory=dict, repr=False
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a rule sends requests. `only_port` is the sole port of the service, if it has one."""

    host: str
    port: int | None
    subset: str
    weight: int
    request: HeaderOperations
    response: HeaderOperations
    only_port: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One match of a rule: what Envoy decides, and what is decided here."""

    name: str
    match: RouteMatch
    port: int | None = None
    gateways: tuple[str, ...] = ()
    source_labels: Labels = field(default_factory=dict)
    source_namespace: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One http entry of a VirtualService. No conditions: it takes everything."""

    name: str
    conditions: tuple[Condition, ...]
    destinations: tuple[Destination, ...]
    timeout_ms: int
    retry: Retry | None
    rewrite: Rewrite | None
    request: HeaderOperations
    response: HeaderOperations
    field: str


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """A VirtualService in force. `gateways` are "mesh" or "namespace/name".

    `by_source`: whether the routes depend on who asks.
    """

    key: Key
    age: tuple[object, ...]
    hosts: tuple[str, ...]
    gateways: frozenset[str]
    export_to: tuple[str, ...]
    rules: tuple[Rule, ...]
    by_source: bool
    memo: dict[tuple[object, ...], tuple[Route, ...]] = field(default_factory=dict, repr=False)
    bare: dict[tuple[object, ...], VirtualHost] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class EgressListener:
    """`port` None: everything that no other listener takes."""

    port: Port | None
    bind: str
    captured: bool
    hosts: tuple[tuple[str, str], ...]  # (namespace or `*` `.` `~`, host)


@dataclass(frozen=True, slots=True)
class IngressListener:
    port: Port
    bind: str
    captured: bool
    endpoint: tuple[str, int] | None  # (address, port); None: the port itself


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A Sidecar object."""

    key: Key
    age: tuple[object, ...]
    selector: Labels | None
    egress: tuple[EgressListener, ...]
    ingress: tuple[IngressListener, ...]
    allow_any: bool


@dataclass(frozen=True, slots=True)
class Server:
    port: Port
    bind: str
    hosts: tuple[tuple[str, str], ...]  # (namespace or `*` `.`, host)
    field: str
    tls: ServerTls | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Gateway:
    key: Key
    age: tuple[object, ...]
    selector: Labels
    servers: tuple[Server, ...]

    @property
    def name(self) -> str:
        """As VirtualServices name it."""
        return f"{self.key.namespace}/{self.key.name}"
