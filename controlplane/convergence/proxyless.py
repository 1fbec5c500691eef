"""What a group of gRPC clients without proxies sees: everything by name, for names as they dial."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controlplane.convergence import outbound
from controlplane.convergence.contributions import Contribution, Viewer
from controlplane.convergence.outbound import Outbound
from controlplane.convergence.records import ServiceId
from controlplane.convergence.transport import provided
from controlplane.convergence.world import World
from translators.model import (
    EMPTY_VIEW,
    Assignment,
    Cluster,
    Direction,
    Discovery,
    FilterChain,
    HttpConnection,
    Listener,
    RouteTable,
    View,
    VirtualHost,
)
from translators.names import outbound_cluster


@dataclass(frozen=True, slots=True)
class Client:
    """gRPC clients that agree in this see the same."""

    viewer: Viewer


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What one service adds, and what it was made of."""

    part: Contribution
    clusters: Mapping[str, Cluster]
    listeners: Mapping[str, Listener]
    tables: Mapping[str, RouteTable]


@dataclass(frozen=True, slots=True, eq=False)
class Proxyless:
    client: Client
    outbound: Outbound
    pieces: Mapping[ServiceId, _Piece] = field(default_factory=dict)
    view: View = EMPTY_VIEW


def build(
    world: World, client: Client, before: Proxyless | None, *, in_use: frozenset[str]
) -> Proxyless:
    """The view of `client`; `before` must be of the World before."""
    upstream = outbound.build(
        world, client.viewer, before.outbound if before else None, in_use=in_use
    )
    if before is not None and before.outbound.shown is upstream.shown:
        return before
    old = before.pieces if before is not None else {}
    pieces: dict[ServiceId, _Piece] = {}
    clusters: dict[str, Cluster] = {}
    listeners: dict[str, Listener] = {}
    tables: dict[str, RouteTable] = {}
    for id, part in upstream.parts.items():
        known = old.get(id)
        piece = known if known is not None and known.part is part else _piece(part, known)
        pieces[id] = piece
        clusters |= piece.clusters
        listeners |= piece.listeners
        tables |= piece.tables
    assignments: Mapping[str, Assignment] = upstream.shown.assignments
    return Proxyless(
        client, upstream, pieces, View(_sorted(clusters), assignments, listeners, tables)
    )


def _sorted(clusters: dict[str, Cluster]) -> Mapping[str, Cluster]:
    return dict(sorted(clusters.items()))


def _piece(part: Contribution, known: _Piece | None) -> _Piece:
    """`known` lends what did not change: a change of endpoints changes neither names nor routes."""
    if known is not None and known.part.clusters is part.clusters:
        clusters = known.clusters
    else:
        clusters = {
            name: replace(cluster, proxyless=True, tls=provided(cluster))
            for name, cluster in part.clusters.items()
            if cluster.discovery is Discovery.EDS
        }
    listeners: dict[str, Listener] = {}
    tables: dict[str, RouteTable] = {}
    if part.service is None:
        return _Piece(part, clusters, listeners, tables)
    for port, host in part.hosts.items():
        table = outbound_cluster(part.service.hostname, port)
        if known is not None and known.part.hosts.get(port) is host:
            tables[table] = known.tables[table]
        else:
            tables[table] = RouteTable(table, {host.name: _dialled(host, port)})
        address = next(iter(part.service.addresses), "0.0.0.0")
        for name in host.domains:
            listener = _listener(f"{name}:{port}", address, port, table)
            held = known.listeners.get(listener.name) if known is not None else None
            listeners[listener.name] = held if held == listener else listener
    return _Piece(part, clusters, listeners, tables)


def _dialled(host: VirtualHost, port: int) -> VirtualHost:
    """gRPC compares domains with the target as it was dialled, port included."""
    domains = tuple(form for name in host.domains for form in (name, f"{name}:{port}"))
    return VirtualHost(host.name, domains, host.routes, proxyless=True)


def _listener(name: str, address: str, port: int, table: str) -> Listener:
    return Listener(
        name=name,
        address=address,
        port=port,
        direction=Direction.OUTBOUND,
        chains=(FilterChain("", HttpConnection(table, Direction.OUTBOUND, "")),),
        bound=False,
        api=True,
    )
