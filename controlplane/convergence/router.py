"""What a group of routers runs: the servers of the Gateways that select them, and the routes of
the VirtualServices that are bound to these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from controlplane.convergence import outbound, routes
from controlplane.convergence.contributions import Viewer
from controlplane.convergence.hosts import covers, exported
from controlplane.convergence.outbound import Outbound
from controlplane.convergence.records import Gateway, Rules, Server
from controlplane.convergence.world import Mesh, World
from translators.model import (
    EMPTY_VIEW,
    Direction,
    FilterChain,
    HttpConnection,
    Listener,
    ObjectRef,
    Proxy,
    Route,
    RouteTable,
    View,
    VirtualHost,
    selects,
)
from translators.names import (
    GatewayTable,
    empty_gateway_host,
    http_stat_prefix,
    listener,
    table,
    virtual_host,
)

ANY = "0.0.0.0"
Source = tuple[Rules, str]  # a VirtualService, and the Gateway that it is bound to
Folded = tuple[str, tuple[str, ...]]  # table, hosts that share one virtual host


@dataclass(frozen=True, slots=True)
class Routing:
    """Routers that agree in this run the same. `ports` maps a Gateway's port to the one that the
    router listens on, where a Service stands between."""

    namespace: str
    dns_domain: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[tuple[int, int], ...]

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.namespace, self.dns_domain, None, captured=False, routed=False)


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """The view of one group of routers, and the hosts that it was made of."""

    routing: Routing
    outbound: Outbound
    hosts: Mapping[Folded, tuple[tuple[Source, ...], VirtualHost]] = field(default_factory=dict)
    view: View = EMPTY_VIEW


@dataclass(slots=True)
class _Port:
    """One address that is listened on: its own port, the Gateway's, and all its hosts."""

    bind: str
    number: int
    gateway_port: int
    source: ObjectRef
    hosts: dict[str, list[Source]] = field(default_factory=dict)


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
    )


def build(
    world: World, routing: Routing, before: Routed | None, *, in_use: frozenset[str]
) -> Routed:
    """The view of `routing`; `before` must be of the World before."""
    touched = world.touched
    upstream = outbound.build(
        world, routing.viewer, before.outbound if before else None, in_use=in_use
    )
    if before is not None and not (touched.gateways or touched.hosts or touched.services):
        if before.outbound.shown is upstream.shown:
            return before
        view = View(
            clusters=upstream.shown.clusters,
            assignments=upstream.shown.assignments,
            listeners=before.view.listeners,
            tables=before.view.tables,
        )
        return Routed(routing, upstream, before.hosts, view)
    old = before.hosts if before is not None else {}
    hosts: dict[Folded, tuple[tuple[Source, ...], VirtualHost]] = {}
    tables: dict[str, RouteTable] = {}
    listeners: dict[str, Listener] = {}
    for port in _ports(world, routing):
        name = table(GatewayTable(port.number, port.bind))
        made = _listener(port.bind or ANY, port.number, name, port.source)
        listeners[made.name] = made
        found: dict[str, VirtualHost] = {}
        for folded, sources in _folded(port.hosts):
            known = old.get((name, folded))
            if known is None or not _same(known[0], sources):
                known = (sources, _host(routing, port, folded, sources))
            hosts[(name, folded)] = known
            found[known[1].name] = known[1]
        tables[name] = _table(name, port, found, before)
    view = View(
        clusters=upstream.shown.clusters,
        assignments=upstream.shown.assignments,
        listeners=dict(sorted(listeners.items())),
        tables=dict(sorted(tables.items())),
    )
    return Routed(routing, upstream, hosts, view)


def _folded(
    hosts: Mapping[str, list[Source]],
) -> Iterator[tuple[tuple[str, ...], tuple[Source, ...]]]:
    """Hosts that the very same rules route become one virtual host, named after the first that
    was found (as Istio does)."""
    found: dict[tuple[Source, ...], list[str]] = {}
    for host, sources in hosts.items():
        found.setdefault(tuple(sources), []).append(host)
    for shared, names in sorted(found.items(), key=lambda pair: pair[1][0]):
        yield tuple(names), shared


def _same(old: tuple[Source, ...], new: tuple[Source, ...]) -> bool:
    return len(old) == len(new) and all(
        a[0] is b[0] and a[1] == b[1] for a, b in zip(old, new, strict=True)
    )


def _table(
    name: str, port: _Port, hosts: dict[str, VirtualHost], before: Routed | None
) -> RouteTable:
    """The table of a port; the one before when every host in it is the same object."""
    if not hosts:
        empty = _empty(port.gateway_port)
        hosts = {empty.name: empty}
    old = before.view.tables.get(name) if before is not None else None
    if (
        old is not None
        and len(old.hosts) == len(hosts)
        and all(old.hosts.get(n) is h for n, h in hosts.items())
    ):
        return old
    return RouteTable(name, hosts)


def _ports(world: World, routing: Routing) -> Iterator[_Port]:
    """Everything that the selected Gateways listen on, with the rules of every host on it."""
    mesh, labels, mapped = world.mesh, dict(routing.labels), dict(routing.ports)
    bound = _bound(mesh, routing.namespace)
    found: dict[tuple[str, int], _Port] = {}
    for gateway in mesh.gateways:
        if not selects(gateway.selector, labels):
            continue
        for server in gateway.servers:
            number = mapped.get(server.port.number, server.port.number)
            port = found.setdefault(
                (server.bind, number),
                _Port(server.bind, number, server.port.number, ObjectRef(*gateway.key)),
            )
            for host, rules in _served(gateway, server, bound.get(gateway.name, ())):
                sources = port.hosts.setdefault(host, [])
                if (rules, gateway.name) not in sources:
                    sources.append((rules, gateway.name))
    for _, port in sorted(found.items()):
        for sources in port.hosts.values():
            sources.sort(key=lambda source: (source[0].age, source[0].key))
        yield port


def _bound(mesh: Mesh, namespace: str) -> dict[str, list[Rules]]:
    """The VirtualServices that routers of `namespace` see, by the Gateway they are bound to."""
    found: dict[str, list[Rules]] = {}
    for rules in sorted(mesh.rules.values(), key=lambda rules: (rules.age, rules.key)):
        if exported(rules.export_to, owner=rules.key.namespace, viewer=namespace):
            for gateway in rules.gateways:
                found.setdefault(gateway, []).append(rules)
    return found


def _served(
    gateway: Gateway, server: Server, bound: list[Rules] | tuple[Rules, ...]
) -> Iterator[tuple[str, Rules]]:
    """The hosts that both the server and a VirtualService have; of the two the narrower."""
    for rules in bound:
        for host in rules.hosts:
            for namespace, pattern in server.hosts:
                if namespace not in ("*", rules.key.namespace):
                    continue
                if covers(pattern, host):
                    yield host, rules
                elif covers(host, pattern):
                    yield pattern, rules


def _host(
    routing: Routing, port: _Port, hosts: tuple[str, ...], sources: tuple[Source, ...]
) -> VirtualHost:
    """All rules of these hosts, the oldest first, those that take everything moved to the end."""
    found: list[Route] = []
    for rules, gateway in sources:
        found += routes.routes(
            rules,
            port=port.gateway_port,
            match_port=port.gateway_port,
            gateway=gateway,
            namespace=routing.namespace,
            labels=dict(routing.labels),
        )
    found.sort(key=lambda route: route.match.catches_all)
    return VirtualHost(virtual_host(hosts[0], port.gateway_port), hosts, tuple(found))


@lru_cache(maxsize=1024)
def _empty(port: int) -> VirtualHost:
    return VirtualHost(empty_gateway_host(port), ("*",), ())


@lru_cache(maxsize=4096)
def _listener(bind: str, port: int, routes_name: str, source: ObjectRef) -> Listener:
    handler = HttpConnection(
        routes_name, Direction.GATEWAY, http_stat_prefix(Direction.GATEWAY, bind, port)
    )
    return Listener(
        name=listener(bind, port),
        address=bind,
        port=port,
        direction=Direction.GATEWAY,
        chains=(FilterChain("", handler, connect_timeout=True),),
        source=source,
    )
