"""What a sidecar serves: the ports of its own workload, by the endpoints that have its address or
by the ingress listeners of its Sidecar."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from controlplane.convergence.records import Scope
from controlplane.convergence.world import Mesh
from translators.builtin import BLACK_HOLE, INBOUND_PASSTHROUGH, INBOUND_SOURCE
from translators.model import (
    ChainMatch,
    Cluster,
    Direction,
    Discovery,
    Endpoint,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    ObjectRef,
    Protocol,
    Proxy,
    Route,
    RouteMatch,
    RouteTable,
    Target,
    TcpForward,
    View,
    VirtualHost,
)
from translators.names import (
    http_stat_prefix,
    inbound_cluster,
    inbound_virtual_host,
    listener,
)

ANY = "0.0.0.0"
LOCALHOST = "127.0.0.1"
INBOUND_PORT = 15006
_HTTP = ("http/1.1", "h2c")


@dataclass(frozen=True, slots=True)
class Served:
    """One port of a workload. `endpoint` is where the application listens; None: at the address
    that was dialled. `service` is (hostname, name, namespace)."""

    port: int
    service_port: int
    protocol: Protocol
    service: tuple[str, str, str] | None
    endpoint: tuple[str, int] | None
    bind: str
    source: ObjectRef


@dataclass(frozen=True, slots=True)
class Inbound:
    """Everything that decides the inbound view: replicas with equal ones share it."""

    captured: bool
    served: tuple[Served, ...]


def inbound_of(mesh: Mesh, proxy: Proxy, scope: Scope | None, *, captured: bool) -> Inbound:
    """What `proxy` serves. Ingress listeners of its Sidecar replace what its services say."""
    if scope is not None and scope.ingress:
        found = sorted(_ingress(proxy, scope, captured=captured), key=_order)
    else:
        found = sorted(_targets(mesh, proxy, captured=captured), key=_order)
    distinct: dict[tuple[str, int], Served] = {}
    for served in found:
        distinct.setdefault((served.bind, served.port), served)
    return Inbound(captured, tuple(distinct.values()))


def _order(served: Served) -> tuple[object, ...]:
    return (served.bind, served.port, served.service_port, served.protocol, served.source)


def _targets(mesh: Mesh, proxy: Proxy, *, captured: bool) -> Iterator[Served]:
    for address in proxy.ips:
        for target in mesh.targets.get(address, frozenset()):
            record = mesh.services.get(target.service)
            port = record.service.port(target.port) if record is not None else None
            if record is None or port is None:
                continue
            service = record.service
            yield Served(
                port=target.endpoint_port,
                service_port=target.port,
                protocol=port.protocol,
                service=(service.hostname, service.name, service.namespace),
                endpoint=None if captured else (LOCALHOST, target.endpoint_port),
                bind="" if captured else address,
                source=service.source,
            )


def _ingress(proxy: Proxy, scope: Scope, *, captured: bool) -> Iterator[Served]:
    for ingress in scope.ingress:
        behind = captured and ingress.captured
        endpoint = ingress.endpoint
        if endpoint is not None and endpoint[0] == ANY:
            endpoint = (proxy.ip, endpoint[1])
        elif endpoint is None and not behind:
            endpoint = (LOCALHOST, ingress.port.number)
        yield Served(
            port=ingress.port.number,
            service_port=ingress.port.number,
            protocol=ingress.port.protocol,
            service=None,
            endpoint=endpoint,
            bind="" if behind else ingress.bind or proxy.ip,
            source=ObjectRef(*scope.key),
        )


@lru_cache(maxsize=16384)
def build(inbound: Inbound) -> View:
    """The inbound view; the same object for equal arguments."""
    clusters: dict[str, Cluster] = {}
    listeners: dict[str, Listener] = {}
    for served in inbound.served:
        cluster = _cluster(served)
        clusters.setdefault(cluster.name, cluster)
        if served.bind:
            made = _bound(served)
            listeners[made.name] = made
    if inbound.captured:
        clusters[INBOUND_PASSTHROUGH.name] = INBOUND_PASSTHROUGH
        virtual = _virtual(tuple(s for s in inbound.served if not s.bind))
        listeners[virtual.name] = virtual
    return View(clusters=dict(sorted(clusters.items())), listeners=dict(sorted(listeners.items())))


def _cluster(served: Served) -> Cluster:
    if served.endpoint is None:
        return Cluster(
            name=inbound_cluster(served.port),
            discovery=Discovery.ORIGINAL_DST,
            protocol=served.protocol,
            service=served.service,
            bind_source=INBOUND_SOURCE,
        )
    address, port = served.endpoint
    return Cluster(
        name=inbound_cluster(served.port),
        discovery=Discovery.STATIC,
        protocol=served.protocol,
        service=served.service,
        endpoints=(Endpoint(address, port),),
        bind_source="" if address == LOCALHOST else INBOUND_SOURCE,
    )


def _handler(served: Served, address: str) -> HttpConnection | TcpForward:
    cluster = inbound_cluster(served.port)
    if not served.protocol.is_http:
        return TcpForward(((cluster, 0),), f"{cluster};")
    return _http(cluster, served.service_port, address, served.port)


def _http(cluster: str, service_port: int, address: str, port: int) -> HttpConnection:
    host = VirtualHost(
        name=inbound_virtual_host(service_port),
        domains=("*",),
        routes=(Route(match=RouteMatch(), targets=(Target(cluster),), name="default"),),
    )
    return HttpConnection(
        RouteTable(cluster, {host.name: host}),
        Direction.INBOUND,
        http_stat_prefix(Direction.INBOUND, address, port),
    )


def _bound(served: Served) -> Listener:
    """A listener of its own, where nothing is captured."""
    name = listener(served.bind, served.port)
    return Listener(
        name=name,
        address=served.bind,
        port=served.port,
        direction=Direction.INBOUND,
        chains=(FilterChain(name, _handler(served, served.bind)),),
        source=served.source,
        detection_timeout=True,
    )


def _virtual(served: tuple[Served, ...]) -> Listener:
    """virtualInbound: a chain for each port, and the rest passes on to the application."""
    chains = [
        FilterChain(
            "virtualInbound-blackhole",
            TcpForward(((BLACK_HOLE.name, 0),), f"{BLACK_HOLE.name};"),
            ChainMatch(destination_port=INBOUND_PORT),
        ),
        FilterChain(
            "virtualInbound-catchall-http",
            _http(INBOUND_PASSTHROUGH.name, 0, ANY, INBOUND_PORT),
            ChainMatch(transport_protocol="raw_buffer", application_protocols=_HTTP),
        ),
        FilterChain(
            "virtualInbound",
            TcpForward(((INBOUND_PASSTHROUGH.name, 0),), f"{INBOUND_PASSTHROUGH.name};"),
            ChainMatch(transport_protocol="raw_buffer"),
        ),
    ]
    chains += [
        FilterChain(
            listener(ANY, s.port),
            _handler(s, ANY),
            ChainMatch(destination_port=s.port, transport_protocol="raw_buffer"),
        )
        for s in served
    ]
    known = tuple(sorted({s.port for s in served} | {INBOUND_PORT}))
    return Listener(
        name="virtualInbound",
        address=ANY,
        port=INBOUND_PORT,
        direction=Direction.INBOUND,
        chains=tuple(chains),
        inspectors=(Inspector.ORIGINAL_DST, Inspector.HTTP),
        uninspected=((Inspector.HTTP, known),),
        detection_timeout=True,
    )
