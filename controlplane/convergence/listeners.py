"""The outbound listeners of a group of sidecars: captured ones behind the virtual listener, and
those that a Sidecar binds."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import itemgetter

from controlplane.convergence.contributions import Contribution, Viewer
from controlplane.convergence.egress import allows_any, routed, takes
from controlplane.convergence.records import EgressListener, ServiceId
from translators.builtin import BLACK_HOLE, PASSTHROUGH
from translators.model import (
    ChainMatch,
    Direction,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    ObjectRef,
    Protocol,
    Resolution,
    TcpForward,
)
from translators.names import HostTable, http_stat_prefix, listener, outbound_cluster, table

ANY = "0.0.0.0"
OUTBOUND_PORT = 15001


def listeners_of(viewer: Viewer, parts: Mapping[ServiceId, Contribution]) -> Mapping[str, Listener]:
    found: dict[str, Listener] = {}
    scope = viewer.scope
    allow_any = allows_any(scope)
    opened_by = ObjectRef(*scope.key) if scope is not None else None
    for egress in scope.egress if scope is not None else ():
        if egress.port is None:
            continue
        bind = egress.bind or (ANY if egress.captured and viewer.captured else "127.0.0.1")
        bound = not (egress.captured and viewer.captured)
        made = (
            _http(
                bind,
                egress.port.number,
                bound,
                bool(egress.bind) or bound,
                allow_any,
                opened_by,
            )
            if egress.port.protocol.is_http
            else _tcp_of(parts, bind, egress, bound)
        )
        if made is not None:
            found[made.name] = made
    if viewer.captured and (
        scope is None or not scope.egress or any(e.port is None for e in scope.egress)
    ):
        # of two that want one address the first by name has it, on every replica
        for id, part in sorted(parts.items(), key=itemgetter(0)):
            for made in _captured(viewer, id, part, allow_any):
                found.setdefault(made.name, made)
    if viewer.captured:
        virtual = _virtual_outbound(allow_any)
        found[virtual.name] = virtual
    return dict(sorted(found.items()))


def _captured(
    viewer: Viewer, id: ServiceId, part: Contribution, allow_any: bool
) -> Iterator[Listener]:
    for number in part.hosts:
        if routed(viewer.scope, id, number):
            yield _http(ANY, number, False, False, allow_any)
    if part.service is None:
        return
    for port in part.service.ports:
        if port.protocol.is_http or part.service.resolution is Resolution.PASSTHROUGH:
            continue
        if not routed(viewer.scope, id, port.number):
            continue
        cluster = outbound_cluster(part.service.hostname, port.number)
        for address in part.service.addresses or (ANY,):
            if port.protocol is Protocol.DETECTED:
                asked = table(HostTable(part.service.hostname, port.number))
                yield _detecting(address, port.number, cluster, asked, part.service.source)
            else:
                yield _tcp(address, port.number, cluster, False, part.service.source)


@lru_cache(maxsize=4096)
def _http(
    address: str,
    port: int,
    bound: bool,
    plain: bool,
    allow_any: bool,
    source: ObjectRef | None = None,
) -> Listener:
    """An HTTP listener. `plain`: it has its own address, so that everything on it is HTTP; else
    it looks whether HTTP is spoken and lets everything else pass on."""
    handler = HttpConnection(
        str(port), Direction.OUTBOUND, http_stat_prefix(Direction.OUTBOUND, address, port)
    )
    if plain:
        chains: tuple[FilterChain, ...] = (FilterChain("", handler, connect_timeout=True),)
        inspectors: tuple[Inspector, ...] = ()
        default = None
    else:
        match = ChainMatch(
            transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c")
        )
        chains = (FilterChain("", handler, match, connect_timeout=True),)
        inspectors = (Inspector.HTTP,)
        default = _passthrough(allow_any)
    return Listener(
        name=listener(address, port),
        address=address,
        port=port,
        direction=Direction.OUTBOUND,
        chains=chains,
        default_chain=default,
        bound=bound,
        inspectors=inspectors,
        detection_timeout=True,
        source=source,
    )


@lru_cache(maxsize=65536)
def _detecting(address: str, port: int, cluster: str, routes: str, source: ObjectRef) -> Listener:
    """Where HTTP is found its requests are routed; all else goes to the service as it is."""
    handler = HttpConnection(
        routes, Direction.OUTBOUND, http_stat_prefix(Direction.OUTBOUND, address, port)
    )
    match = ChainMatch(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
    rest = FilterChain("", TcpForward(((cluster, 0),), f"{cluster};"), connect_timeout=True)
    return Listener(
        name=listener(address, port),
        address=address,
        port=port,
        direction=Direction.OUTBOUND,
        chains=(FilterChain("", handler, match, connect_timeout=True),),
        default_chain=rest,
        bound=False,
        inspectors=(Inspector.HTTP,),
        detection_timeout=True,
        source=source,
    )


def _passthrough(allow_any: bool) -> FilterChain:
    cluster = PASSTHROUGH.name if allow_any else BLACK_HOLE.name
    return FilterChain("PassthroughFilterChain", TcpForward(((cluster, 0),), f"{cluster};"))


@lru_cache(maxsize=65536)
def _tcp(address: str, port: int, cluster: str, bound: bool, source: ObjectRef) -> Listener:
    forward = TcpForward(((cluster, 0),), f"{cluster};")
    return Listener(
        name=listener(address, port),
        address=address,
        port=port,
        direction=Direction.OUTBOUND,
        chains=(FilterChain("", forward, connect_timeout=True),),
        bound=bound,
        detection_timeout=True,
        source=source,
    )


def _tcp_of(
    parts: Mapping[ServiceId, Contribution], bind: str, egress: EgressListener, bound: bool
) -> Listener | None:
    """The listener of a TCP port that the Sidecar opens: to the one service that has the port."""
    assert egress.port is not None
    for id, part in sorted(parts.items(), key=itemgetter(0)):
        if part.service is not None and takes(egress, id):
            port = part.service.port(egress.port.number)
            if port is not None and not port.protocol.is_http:
                cluster = outbound_cluster(id.hostname, port.number)
                return _tcp(bind, port.number, cluster, bound, part.service.source)
    return None


@lru_cache(maxsize=2)
def _virtual_outbound(allow_any: bool) -> Listener:
    catch_all = PASSTHROUGH.name if allow_any else BLACK_HOLE.name
    return Listener(
        name="virtualOutbound",
        address=ANY,
        port=OUTBOUND_PORT,
        direction=Direction.OUTBOUND,
        chains=(
            FilterChain(
                "virtualOutbound-blackhole",
                TcpForward(((BLACK_HOLE.name, 0),), f"{BLACK_HOLE.name};"),
                ChainMatch(destination_port=OUTBOUND_PORT),
            ),
            FilterChain(
                "virtualOutbound-catchall-tcp",
                TcpForward(((catch_all, 0),), f"{catch_all};"),
            ),
        ),
        use_original_dst=True,
    )
