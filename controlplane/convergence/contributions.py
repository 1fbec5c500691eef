"""What one service adds to the view of a client: clusters, assignments, virtual hosts. Every value
is the same object for as long as what it is made of stays, also between groups of clients."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from controlplane.convergence import mtls, policies, routes
from controlplane.convergence.hosts import covers, exported
from controlplane.convergence.records import (
    MESH,
    NO_BACKENDS,
    HostPolicy,
    Made,
    Rules,
    Scope,
    ServiceId,
    ServiceRecord,
    Sight,
)
from controlplane.convergence.transport import (
    dials_addresses,
    identities,
    secured,
    told_plaintext,
)
from controlplane.convergence.world import Mesh, World
from translators.model import (
    DEFAULT_POLICY,
    Assignment,
    Cluster,
    Discovery,
    Labels,
    ObjectRef,
    PeerMode,
    Protocol,
    Resolution,
    Route,
    RouteTable,
    SecretSource,
    Service,
    VirtualHost,
)
from translators.names import HostTable, domains, outbound_cluster, table, virtual_host

# a host without a service is routed on this port (Istio's rule)
HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who sees: clients that agree in all of this see the same. `labels` are empty unless routes
    depend on them. `captured`: traffic is redirected to the proxy."""

    namespace: str
    dns_domain: str
    scope: Scope | None
    captured: bool
    labels: tuple[tuple[str, str], ...] = ()
    routed: bool = True  # whether virtual hosts are wanted, not only clusters: routers make theirs
    secrets: SecretSource = SecretSource.AGENT
    proxyless: bool = False  # gRPC clients, which dial nothing but endpoints


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one service adds; `hosts` by the port number of their table, `tables` of ports whose
    protocol is detected: each has one of its own."""

    service: Service | None
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    hosts: Mapping[int, VirtualHost] = field(default_factory=dict)
    tables: Mapping[str, RouteTable] = field(default_factory=dict)


def clusters_of(record: ServiceRecord, policy: HostPolicy, sight: Sight) -> Mapping[str, Cluster]:
    """The clusters of a service under one policy: one a port, and one a subset and port."""
    memo = (id(policy), sight.secrets, sight.router)
    known = record.clusters.get(memo)
    if known is not None and known.policy is policy and known.sight == sight:
        return known.clusters
    held = known.clusters if known is not None and known.policy is policy else {}
    service = record.service
    source = ObjectRef(*policy.keys[0]) if policy.keys else None
    # routers have no address that was dialled
    headless = service.resolution is Resolution.PASSTHROUGH and not sight.router
    discovery = Discovery.ORIGINAL_DST if headless else Discovery.EDS
    found: dict[str, Cluster] = {}
    for port in service.ports:
        for subset in (None, *policy.subsets.values()):
            name = outbound_cluster(service.hostname, port.number, subset.name if subset else "")
            cluster = Cluster(
                name=name,
                discovery=discovery,
                protocol=port.protocol,
                policy=policy.effective(port.number, subset),
                service=(service.hostname, service.name, service.namespace),
                subset=subset.name if subset else "",
                downstream_protocol=port.protocol is Protocol.DETECTED,
                source=source,
            )
            made = secured(cluster, sight, host=service.hostname, port=port.number)
            found[name] = held[name] if held.get(name) == made else made
    if len(record.clusters) >= 32:  # policies and endpoints of earlier passes
        record.clusters.clear()
    record.clusters[memo] = Made(policy, sight, found)
    return found


def sight_of(world: World, record: ServiceRecord, policy: HostPolicy, viewer: Viewer) -> Sight:
    """What of the endpoints, the mesh and the viewer decides how connections are secured."""
    mesh, options = world.mesh, world.options
    backends = mesh.backends.get(record.id, NO_BACKENDS)
    general = mtls.told(mtls.told_peers(mesh, options), namespace=record.id.namespace)
    automatic = options.auto_mtls and not record.service.external
    if general is PeerMode.DISABLE and automatic:
        # in such a namespace only a service with an exception among its workloads has a choice
        automatic = any(e.mutual for found in backends.ports.values() for e in found)
    unanimous: frozenset[int] = frozenset()
    headless = record.service.resolution is Resolution.PASSTHROUGH
    if headless or policy.dials_addresses:
        unanimous = frozenset(
            port
            for port, found in backends.ports.items()
            if found and all(endpoint.mutual for endpoint in found)
        )
    return Sight(
        secrets=viewer.secrets,
        router=not viewer.routed,
        identities=identities(backends.accounts, options.trust_domains),
        automatic=automatic,
        headless=headless,
        unanimous=unanimous,
        lifetime_ms=options.connection_lifetime_ms,
    )


def assignments_of(
    mesh: Mesh,
    record: ServiceRecord,
    clusters: Mapping[str, Cluster],
    policy: HostPolicy,
    viewer: Viewer,
) -> dict[str, Assignment]:
    """The assignments of the EDS clusters among `clusters`."""
    backends = mesh.backends.get(record.id, NO_BACKENDS)
    found: dict[str, Assignment] = {}
    for port in record.service.ports:
        for subset in (None, *policy.subsets.values()):
            name = outbound_cluster(
                record.service.hostname, port.number, subset.name if subset else ""
            )
            cluster = clusters[name]
            outlier = cluster.policy.outlier_detection
            if not dials_addresses(
                cluster.discovery, DEFAULT_POLICY if viewer.proxyless else cluster.policy
            ):
                found[name] = backends.assignment(
                    name,
                    port.number,
                    subset.labels if subset else None,
                    plain=told_plaintext(cluster.policy),
                    # panic is on then, and would send to the unhealthy ones too
                    healthy=bool(outlier and outlier.min_health_percent),
                )
    return found


def rules_for(mesh: Mesh, host: str, *, gateway: str, namespace: str) -> Rules | None:
    """The VirtualService that a sidecar of `namespace` uses for `host`: the most specific host,
    then the oldest; another namespace's counts as much as one's own (Istio's rule)."""
    for found in (mesh.routes.get(host, ()), *_wild(mesh, host)):
        for rules in found:
            if gateway in rules.gateways and exported(
                rules.export_to, owner=rules.key.namespace, viewer=namespace
            ):
                return rules
    return None


def _wild(mesh: Mesh, host: str) -> Iterator[tuple[Rules, ...]]:
    for pattern in mesh.wild_routes:
        if pattern != host and covers(pattern, host):
            yield mesh.routes[pattern]


def contribution(world: World, service: ServiceId, viewer: Viewer) -> Contribution | None:
    """What `service` adds to the view of `viewer`; None when there is no such service."""
    mesh = world.mesh
    record = mesh.services.get(service)
    if record is None:
        return None
    rulings = policies.effective(mesh, world.options.root_namespace)
    policy = policies.lookup(rulings, service, client=viewer.namespace)
    clusters = clusters_of(record, policy, sight_of(world, record, policy, viewer))
    assignments = assignments_of(mesh, record, clusters, policy, viewer)
    if not viewer.routed:
        return Contribution(record.service, clusters, assignments)
    rules = rules_for(mesh, service.hostname, gateway=MESH, namespace=viewer.namespace)
    ports = {p.number for p in record.service.ports if p.protocol.is_http}
    if rules is not None and len(rules.hosts) > 1:
        # a VirtualService of several services is routed on each of their ports (Istio's rule)
        ports |= _ports_of(mesh, rules.hosts)
    return Contribution(
        service=record.service,
        clusters=clusters,
        assignments=assignments,
        hosts={port: _host(record, port, viewer=viewer, rules=rules) for port in sorted(ports)},
        tables={
            made.name: made
            for port in record.service.ports
            if port.protocol is Protocol.DETECTED
            for made in (_table(record, port.number, viewer=viewer, rules=rules),)
        },
    )


def _table(record: ServiceRecord, port: int, *, viewer: Viewer, rules: Rules | None) -> RouteTable:
    """The routes of a port on which HTTP may be found: whatever host is asked for, it is this."""
    host = _host(record, port, viewer=viewer, rules=rules)
    memo = ("table", port, id(host))
    known = record.tables.get(memo)
    if known is not None and known[0] is host:
        return known[1]
    name = table(HostTable(record.service.hostname, port))
    made = RouteTable(name, {host.name: replace(host, domains=("*",))})
    if len(record.tables) >= 64:  # routes of earlier passes
        record.tables.clear()
    record.tables[memo] = (host, made)
    return made


def _ports_of(mesh: Mesh, hosts: Iterable[str]) -> set[int]:
    return {
        port.number
        for host in hosts
        for service in mesh.by_hostname.get(host, ())
        for port in mesh.services[service].service.ports
        if port.protocol.is_http
    }


def _host(record: ServiceRecord, port: int, *, viewer: Viewer, rules: Rules | None) -> VirtualHost:
    """The virtual host of one service and port: two variants at most for each set of rules, one
    for its own namespace and one for all others."""
    service = record.service
    local = viewer.namespace == service.namespace
    suffix = viewer.dns_domain.partition(".svc.")[2]
    source: tuple[object, ...] = ()
    if rules is not None and rules.by_source:
        source = (viewer.namespace, viewer.labels)
    memo = (port, local, suffix, rules.key if rules else None, source)
    known = record.hosts.get(memo)
    if known is not None and known[0] is rules:
        return known[1]
    owned = service.port(port)
    if rules is not None:
        found = _routes(rules, port, viewer)
    else:
        found = routes.default_route(outbound_cluster(service.hostname, port), service.source)
    made = VirtualHost(
        name=virtual_host(service.hostname, port),
        domains=domains(
            service.hostname,
            dns_domain=viewer.dns_domain,
            addresses=service.addresses,
            headless=service.resolution is Resolution.PASSTHROUGH,
        )
        if owned is not None and owned.protocol.is_http
        else (service.hostname,),
        routes=found,
    )
    record.hosts[memo] = (rules, made)
    return made


def _routes(rules: Rules, port: int, viewer: Viewer) -> tuple[Route, ...]:
    labels: Labels = dict(viewer.labels)
    return routes.routes(
        rules,
        port=port,
        match_port=port,
        gateway=MESH,
        namespace=viewer.namespace,
        labels=labels,
    )


def bare_host(world: World, host: str, viewer: Viewer) -> Contribution | None:
    """What a VirtualService host without a service adds: a virtual host on port 80, and on the
    ports of the services that share its rules."""
    mesh = world.mesh
    rules = rules_for(mesh, host, gateway=MESH, namespace=viewer.namespace)
    if rules is None or host not in rules.hosts:
        return None
    ports = _ports_of(mesh, rules.hosts) or {HTTP_PORT}
    hosts = {}
    for port in sorted(ports):
        memo = (host, port, *((viewer.namespace, viewer.labels) if rules.by_source else ()))
        hosts[port] = _bare(rules, memo, host=host, port=port, viewer=viewer)
    return Contribution(service=None, hosts=hosts)


def _bare(
    rules: Rules, memo: tuple[object, ...], *, host: str, port: int, viewer: Viewer
) -> VirtualHost:
    known = rules.bare.get(memo)
    if known is None:
        known = rules.bare[memo] = VirtualHost(
            name=virtual_host(host, port), domains=(host,), routes=_routes(rules, port, viewer)
        )
    return known
