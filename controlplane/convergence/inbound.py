"""What a sidecar serves: the ports of its own workload, by the endpoints that have its address or
by the ingress listeners of its Sidecar."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from controlplane.convergence import mtls
from controlplane.convergence.chains import Door, Spoken, chains, inspected
from controlplane.convergence.records import Scope
from controlplane.convergence.world import Mesh, World
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
    Labels,
    Listener,
    ObjectRef,
    PeerMode,
    Protocol,
    Proxy,
    Retry,
    Route,
    RouteMatch,
    RouteTable,
    SecretSource,
    Target,
    TcpForward,
    View,
    VirtualHost,
)
from translators.names import (
    INBOUND_BLACK_HOLE_CHAIN,
    INBOUND_CATCH_ALL_HTTP_CHAIN,
    INBOUND_CATCH_ALL_TCP_CHAIN,
    VIRTUAL_INBOUND,
    http_stat_prefix,
    inbound_cluster,
    inbound_virtual_host,
    listener,
)

ANY = "0.0.0.0"
LOCALHOST = "127.0.0.1"
INBOUND_PORT = 15006
TLS, HTTP = Inspector.TLS, Inspector.HTTP
# a request that the workload's connection took none of may be sent again (Istio's); gRPC does so
# by itself
_UNSENT = Retry(attempts=2, retry_on="reset-before-request")
_OWN_RETRIES = frozenset({Protocol.GRPC, Protocol.GRPC_WEB})


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
    """Everything that decides the inbound view: replicas with equal ones share it. `mode` and
    `modes` are what the workload accepts, in general and on ports of their own mode."""

    captured: bool
    served: tuple[Served, ...]
    mode: PeerMode
    modes: tuple[tuple[int, PeerMode], ...]
    secrets: SecretSource
    trust_domains: tuple[str, ...]
    lifetime_ms: int | None = None


def inbound_of(
    world: World, proxy: Proxy, scope: Scope | None, labels: Labels, *, captured: bool
) -> Inbound:
    """What `proxy` serves. Ingress listeners of its Sidecar replace what its services say."""
    if scope is not None and scope.ingress:
        found = sorted(_ingress(proxy, scope, captured=captured), key=_order)
    else:
        found = sorted(_targets(world.mesh, proxy, captured=captured), key=_order)
    distinct: dict[tuple[str, int], Served] = {}
    for served in found:
        distinct.setdefault((served.bind, served.port), served)
    peers = mtls.peers(world.mesh, world.options)
    written = mtls.accepted_ports(peers, namespace=proxy.namespace, labels=labels)
    return Inbound(
        captured,
        tuple(distinct.values()),
        mode=mtls.accepted(peers, namespace=proxy.namespace, labels=labels),
        modes=tuple(sorted(written.items())),
        secrets=proxy.secrets,
        trust_domains=world.options.trust_domains,
        lifetime_ms=world.options.connection_lifetime_ms,
    )


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
            made = _bound(inbound, served)
            listeners[made.name] = made
    if inbound.captured:
        clusters[INBOUND_PASSTHROUGH.name] = INBOUND_PASSTHROUGH
        virtual = _virtual(inbound)
        listeners[virtual.name] = virtual
    return View(clusters=dict(sorted(clusters.items())), listeners=dict(sorted(listeners.items())))


def _cluster(served: Served) -> Cluster:
    if served.endpoint is None:
        return Cluster(
            name=inbound_cluster(served.port),
            discovery=Discovery.ORIGINAL_DST,
            protocol=served.protocol,
            service=served.service,
            downstream_protocol=served.protocol is Protocol.DETECTED,
            bind_source=INBOUND_SOURCE,
        )
    address, port = served.endpoint
    return Cluster(
        name=inbound_cluster(served.port),
        discovery=Discovery.STATIC,
        protocol=served.protocol,
        service=served.service,
        endpoints=(Endpoint(address, port),),
        downstream_protocol=served.protocol is Protocol.DETECTED,
        bind_source="" if address == LOCALHOST else INBOUND_SOURCE,
    )


def _http(
    cluster: str,
    service_port: int,
    address: str,
    port: int,
    protocol: Protocol = Protocol.HTTP,
) -> HttpConnection:
    route = Route(
        match=RouteMatch(),
        targets=(Target(cluster),),
        name="default",
        retry=None if protocol in _OWN_RETRIES else _UNSENT,
    )
    host = VirtualHost(name=inbound_virtual_host(service_port), domains=("*",), routes=(route,))
    return HttpConnection(
        RouteTable(cluster, {host.name: host}),
        Direction.INBOUND,
        http_stat_prefix(Direction.INBOUND, address, port),
        http2=protocol.is_http2,
    )


def _chains(inbound: Inbound, door: Door) -> Iterator[FilterChain]:
    return chains(door, inbound.secrets, inbound.trust_domains, inbound.lifetime_ms)


def _door(inbound: Inbound, served: Served) -> Door:
    """The chains of one port. In a listener of its own nothing else has to be told from it."""
    name = listener(served.bind or ANY, served.port)
    cluster = inbound_cluster(served.port)

    def handler(http: bool) -> HttpConnection | TcpForward:
        if not http:
            return TcpForward(((cluster, 0),), f"{cluster};")
        return _http(cluster, served.service_port, served.bind or ANY, served.port, served.protocol)

    return Door(
        mode=dict(inbound.modes).get(served.port, inbound.mode),
        spoken=_spoken(served.protocol),
        port=None if served.bind else served.port,
        name=lambda http: name,
        handler=handler,
    )


def _spoken(protocol: Protocol) -> Spoken:
    if protocol is Protocol.DETECTED:
        return Spoken.ANY
    return Spoken.HTTP if protocol.is_http else Spoken.TCP


def _passing(mode: PeerMode, port: int | None) -> Door:
    """What passes on to ports that no service has: `port`, or all of them."""

    def handler(http: bool) -> HttpConnection | TcpForward:
        if not http:
            return TcpForward(((INBOUND_PASSTHROUGH.name, 0),), f"{INBOUND_PASSTHROUGH.name};")
        return _http(INBOUND_PASSTHROUGH.name, 0, ANY, INBOUND_PORT)

    return Door(
        mode=mode,
        spoken=Spoken.ANY,
        port=port,
        name=lambda http: INBOUND_CATCH_ALL_HTTP_CHAIN if http else INBOUND_CATCH_ALL_TCP_CHAIN,
        handler=handler,
    )


def _bound(inbound: Inbound, served: Served) -> Listener:
    """A listener of its own, where nothing is captured."""
    door = _door(inbound, served)
    tls, http = inspected(door, inbound.secrets)
    made = tuple(_chains(inbound, door))
    if len(made) == 1 and made[0].tls is None and not tls:
        made = (replace(made[0], match=None),)
    return Listener(
        name=listener(served.bind, served.port),
        address=served.bind,
        port=served.port,
        direction=Direction.INBOUND,
        chains=made,
        inspectors=tuple(inspector for inspector, needed in ((TLS, tls), (HTTP, http)) if needed),
        source=served.source,
        detection_timeout=True,
    )


def _virtual(inbound: Inbound) -> Listener:
    """virtualInbound: chains for each port, and the rest passes on to the application."""
    served = tuple(s for s in inbound.served if not s.bind)
    ports = {s.port for s in served}
    doors = [_passing(inbound.mode, None)]
    doors += (_passing(mode, port) for port, mode in inbound.modes if port not in ports)
    doors += (_door(inbound, s) for s in served)
    made = [
        FilterChain(
            INBOUND_BLACK_HOLE_CHAIN,
            TcpForward(((BLACK_HOLE.name, 0),), f"{BLACK_HOLE.name};"),
            ChainMatch(destination_port=INBOUND_PORT),
        )
    ]
    looked_at: dict[Inspector, set[int]] = {TLS: set(), HTTP: set()}
    for door in doors:
        made += _chains(inbound, door)
        for inspector, needed in zip((TLS, HTTP), inspected(door, inbound.secrets), strict=True):
            if needed:
                looked_at[inspector].add(door.port or 0)
    # port 0 stands for all that no service has (Istio's way of writing it)
    known = {door.port or 0 for door in doors} | {INBOUND_PORT}
    return Listener(
        name=VIRTUAL_INBOUND,
        address=ANY,
        port=INBOUND_PORT,
        direction=Direction.INBOUND,
        chains=tuple(made),
        inspectors=(Inspector.ORIGINAL_DST, *(i for i, found in looked_at.items() if found)),
        uninspected=tuple(
            (inspector, tuple(sorted(known - found)))
            for inspector, found in looked_at.items()
            if found
        ),
        detection_timeout=True,
    )
