"""What a group of routers runs: the servers of the Gateways that select them, and the routes of
the VirtualServices that are bound to these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from controlplane.convergence import outbound, routes
from controlplane.convergence.contributions import Viewer
from controlplane.convergence.gateways import (
    Hosts,
    Opened,
    Routing,
    Source,
    openings,
    proven_namespace,
)
from controlplane.convergence.outbound import Outbound
from controlplane.convergence.world import Mesh, World
from translators.model import (
    EMPTY_VIEW,
    ChainMatch,
    Direction,
    DownstreamTls,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    Proxy,
    Route,
    RouteTable,
    View,
    VirtualHost,
)
from translators.names import empty_gateway_host, http_stat_prefix, listener, virtual_host

ANY = "0.0.0.0"
Folded = tuple[str, tuple[str, ...], bool]  # table, hosts that share one virtual host, redirected


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """The view of one group of routers, and the hosts that it was made of. `held` says which
    servers are left out, and why."""

    routing: Routing
    outbound: Outbound
    hosts: Mapping[Folded, tuple[tuple[Source, ...], VirtualHost]] = field(default_factory=dict)
    view: View = EMPTY_VIEW
    held: tuple[str, ...] = ()


def viewer_of(routing: Routing) -> Viewer:
    return Viewer(
        routing.namespace,
        routing.dns_domain,
        None,
        captured=False,
        routed=False,
        secrets=routing.secrets,
    )


def routing_of(mesh: Mesh, proxy: Proxy, labels: Mapping[str, str]) -> Routing:
    ports = {
        target.port: target.endpoint_port
        for address in proxy.ips
        for target in sorted(mesh.targets.get(address, frozenset()), reverse=True)
    }
    return Routing(
        namespace=proxy.namespace,
        dns_domain=proxy.dns_domain,
        labels=tuple(sorted(labels.items())),
        ports=tuple(sorted(ports.items())),
        proven=proven_namespace(mesh, proxy, labels),
        secrets=proxy.secrets,
    )


def build(
    world: World, routing: Routing, before: Routed | None, *, in_use: frozenset[str]
) -> Routed:
    """The view of `routing`; `before` must be of the World before."""
    touched = world.touched
    upstream = outbound.build(
        world, viewer_of(routing), before.outbound if before else None, in_use=in_use
    )
    if before is not None and before.routing != routing:
        before = None  # a router that has moved keeps what it sends to, and nothing else
    if before is not None and not (touched.gateways or touched.hosts or touched.services):
        if before.outbound.shown is upstream.shown:
            return before
        view = View(
            clusters=upstream.shown.clusters,
            assignments=upstream.shown.assignments,
            listeners=before.view.listeners,
            tables=before.view.tables,
        )
        return Routed(routing, upstream, before.hosts, view, before.held)
    hosts: dict[Folded, tuple[tuple[Source, ...], VirtualHost]] = {}
    tables: dict[str, RouteTable] = {}
    listeners: dict[str, Listener] = {}
    found = openings(world, routing)
    for port in found.ports.values():
        made = _listener(port, before)
        listeners[made.name] = made
        for answered in port.tables:
            tables[answered.table] = _table(routing, answered, before, found=hosts)
    view = View(
        clusters=upstream.shown.clusters,
        assignments=upstream.shown.assignments,
        listeners=dict(sorted(listeners.items())),
        tables=dict(sorted(tables.items())),
    )
    return Routed(routing, upstream, hosts, view, tuple(found.held))


def _folded(answered: Hosts) -> Iterator[tuple[Folded, tuple[Source, ...]]]:
    """Hosts that the very same rules route become one virtual host, named after the first that
    was found (as Istio does)."""
    found: dict[tuple[tuple[Source, ...], bool], list[str]] = {}
    for host, sources in answered.sources.items():
        found.setdefault((tuple(sources), host in answered.redirected), []).append(host)
    for (shared, redirected), names in sorted(found.items(), key=lambda pair: pair[1][0]):
        yield (answered.table, tuple(names), redirected), shared


def _same(old: tuple[Source, ...], new: tuple[Source, ...]) -> bool:
    return len(old) == len(new) and all(
        a[0] is b[0] and a[1] == b[1] for a, b in zip(old, new, strict=True)
    )


def _table(
    routing: Routing,
    answered: Hosts,
    before: Routed | None,
    *,
    found: dict[Folded, tuple[tuple[Source, ...], VirtualHost]],
) -> RouteTable:
    """A table; the one before when every host in it is the same object. Hosts are put into
    `found`."""
    hosts: dict[str, VirtualHost] = {}
    for folded, sources in _folded(answered):
        known = before.hosts.get(folded) if before is not None else None
        if known is None or not _same(known[0], sources):
            known = (sources, _host(routing, answered.port, folded, sources=sources))
        found[folded] = known
        hosts[known[1].name] = known[1]
    if not hosts:
        empty = _empty(answered.port)
        hosts = {empty.name: empty}
    old = before.view.tables.get(answered.table) if before is not None else None
    if (
        old is not None
        and len(old.hosts) == len(hosts)
        and all(old.hosts.get(n) is h for n, h in hosts.items())
    ):
        return old
    return RouteTable(answered.table, hosts)


def _host(
    routing: Routing, port: int, folded: Folded, *, sources: tuple[Source, ...]
) -> VirtualHost:
    """All rules of these hosts, the oldest first, those that take everything moved to the end."""
    _, hosts, redirected = folded
    found: list[Route] = []
    for rules, gateway in sources:
        found += routes.routes(
            rules,
            port=port,
            match_port=port,
            gateway=gateway,
            namespace=routing.namespace,
            labels=dict(routing.labels),
        )
    found.sort(key=lambda route: route.match.catches_all)
    return VirtualHost(virtual_host(hosts[0], port), hosts, tuple(found), redirected=redirected)


@lru_cache(maxsize=1024)
def _empty(port: int) -> VirtualHost:
    return VirtualHost(empty_gateway_host(port), ("*",), ())


def _listener(port: Opened, before: Routed | None) -> Listener:
    """The listener of one address; the one before when nothing of it differs."""
    if port.plain is not None:
        chains: tuple[FilterChain, ...] = (_chain(port, port.plain),)
    else:
        chains = tuple(
            _chain(port, secured.hosts, server_names=secured.server_names, tls=secured.tls)
            for secured in port.secured
        )
    bind = port.bind or ANY
    made = Listener(
        name=listener(bind, port.number),
        address=bind,
        port=port.number,
        direction=Direction.GATEWAY,
        chains=chains,
        inspectors=() if port.plain is not None else (Inspector.TLS,),
        source=port.source,
    )
    old = before.view.listeners.get(made.name) if before is not None else None
    return old if old == made else made


def _chain(
    port: Opened,
    answered: Hosts,
    *,
    server_names: tuple[str, ...] = (),
    tls: DownstreamTls | None = None,
) -> FilterChain:
    prefix = http_stat_prefix(Direction.GATEWAY, port.bind or ANY, port.number)
    return FilterChain(
        "",
        HttpConnection(answered.table, Direction.GATEWAY, prefix, grpc_web=port.grpc_web),
        match=ChainMatch(server_names=server_names) if server_names else None,
        connect_timeout=True,
        tls=tls,
    )
