"""The listeners behind the recorded ones, as values of the model."""

from translators import names
from translators.model import (
    ChainMatch,
    Direction,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    Retry,
    Route,
    RouteMatch,
    RouteTable,
    Target,
    TcpForward,
    VirtualHost,
)

PLAIN_HTTP = ChainMatch(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
RESET = Retry(2, "reset-before-request", previous_hosts=False)


def tcp(cluster: str, *, name: str = "", match: ChainMatch | None = None) -> FilterChain:
    """To one cluster, with the connect timeout of chains that lead to services."""
    forward = TcpForward(((cluster, 0),), cluster)
    return FilterChain(name, forward, match, connect_timeout=True)


def fallback(cluster: str, *, name: str, match: ChainMatch | None = None) -> FilterChain:
    return FilterChain(name, TcpForward(((cluster, 0),), cluster), match)


def http(
    table: str,
    address: str,
    port: int,
    *,
    match: ChainMatch | None = None,
    direction: Direction = Direction.OUTBOUND,
) -> FilterChain:
    prefix = names.http_stat_prefix(direction, address, port)
    return FilterChain("", HttpConnection(table, direction, prefix), match, connect_timeout=True)


def outbound(address: str, port: int, *chains: FilterChain, **rest: object) -> Listener:
    """Captured: nothing binds, the virtual listener hands over."""
    values: dict[str, object] = {"bound": False, "detection_timeout": True} | rest
    return Listener(
        names.listener(address, port),
        address,
        port,
        Direction.OUTBOUND,
        chains,
        **values,  # type: ignore[arg-type]
    )


def gateway(port: int, *chains: FilterChain) -> Listener:
    return Listener(names.listener("0.0.0.0", port), "0.0.0.0", port, Direction.GATEWAY, chains)


def inbound_routes(cluster: str, service_port: int) -> RouteTable:
    host = names.inbound_virtual_host(service_port)
    route = Route(RouteMatch(), (Target(cluster),), name="default", retry=RESET)
    return RouteTable(cluster, {host: VirtualHost(host, ("*",), (route,))})


def inbound_http(port: int, service_port: int, match: ChainMatch | None = None) -> FilterChain:
    routes = inbound_routes(names.inbound_cluster(port), service_port)
    prefix = names.http_stat_prefix(Direction.INBOUND, "0.0.0.0", port)
    return FilterChain(
        names.listener("0.0.0.0", port),
        HttpConnection(routes, Direction.INBOUND, prefix),
        match or ChainMatch(destination_port=port, transport_protocol="raw_buffer"),
    )


def inbound_tcp(port: int) -> FilterChain:
    return fallback(
        names.inbound_cluster(port),
        name=names.listener("0.0.0.0", port),
        match=ChainMatch(destination_port=port, transport_protocol="raw_buffer"),
    )


def sniffing(name: str, port: int) -> Listener:
    """HTTP or not on one port of all addresses; what is not HTTP goes to `name`."""
    return outbound(
        "0.0.0.0",
        port,
        http(str(port), "0.0.0.0", port, match=PLAIN_HTTP),
        default_chain=fallback(name, name=names.PASSTHROUGH_CHAIN, match=ChainMatch()),
        inspectors=(Inspector.HTTP,),
    )


def outbound_cluster(name: str, namespace: str, port: int, subset: str = "") -> str:
    return names.outbound_cluster(f"{name}.{namespace}.svc.cluster.local", port, subset)


VIRTUAL_OUTBOUND = Listener(
    names.VIRTUAL_OUTBOUND,
    "0.0.0.0",
    15001,
    Direction.OUTBOUND,
    (
        fallback(
            names.BLACK_HOLE_CLUSTER,
            name=names.OUTBOUND_BLACK_HOLE_CHAIN,
            match=ChainMatch(destination_port=15001),
        ),
        fallback(names.PASSTHROUGH_CLUSTER, name=names.OUTBOUND_CATCH_ALL_CHAIN),
    ),
    use_original_dst=True,
)
VIRTUAL_INBOUND = Listener(
    names.VIRTUAL_INBOUND,
    "0.0.0.0",
    15006,
    Direction.INBOUND,
    (
        fallback(
            names.BLACK_HOLE_CLUSTER,
            name=names.INBOUND_BLACK_HOLE_CHAIN,
            match=ChainMatch(destination_port=15006),
        ),
        FilterChain(
            names.INBOUND_CATCH_ALL_HTTP_CHAIN,
            HttpConnection(
                inbound_routes(names.INBOUND_PASSTHROUGH_CLUSTER, 0),
                Direction.INBOUND,
                f"{names.INBOUND_PASSTHROUGH_CLUSTER};",
            ),
            PLAIN_HTTP,
        ),
        fallback(
            names.INBOUND_PASSTHROUGH_CLUSTER,
            name=names.INBOUND_CATCH_ALL_TCP_CHAIN,
            match=ChainMatch(transport_protocol="raw_buffer"),
        ),
        inbound_http(8080, 80),
        inbound_tcp(9000),
        inbound_http(
            9100,
            91,
            ChainMatch(
                destination_port=9100,
                transport_protocol="raw_buffer",
                application_protocols=("http/1.1", "h2c"),
            ),
        ),
        inbound_tcp(9100),
    ),
    inspectors=(Inspector.ORIGINAL_DST, Inspector.HTTP),
    uninspected=((Inspector.HTTP, (8080, 9000, 15006)),),
    detection_timeout=True,
)

LISTENERS = {
    "pa-namespace-disable/w-v1/0.0.0.0_80": sniffing(names.PASSTHROUGH_CLUSTER, 80),
    "sidecar-registry-only/client/0.0.0.0_80": sniffing(names.BLACK_HOLE_CLUSTER, 80),
    "pa-namespace-disable/w-v1/10.96.164.1_90": outbound(
        "10.96.164.1", 90, tcp(outbound_cluster("w", "pa", 90))
    ),
    "pa-namespace-disable/w-v1/10.96.164.1_91": outbound(
        "10.96.164.1",
        91,
        http("w.pa.svc.cluster.local:91", "10.96.164.1", 91, match=PLAIN_HTTP),
        default_chain=tcp(outbound_cluster("w", "pa", 91)),
        inspectors=(Inspector.HTTP,),
    ),
    "pa-namespace-disable/w-v1/virtualOutbound": VIRTUAL_OUTBOUND,
    "pa-namespace-disable/w-v1/virtualInbound": VIRTUAL_INBOUND,
    "sidecar-bind-no-capture/client/127.0.0.9_7070": outbound(
        "127.0.0.9", 7070, tcp(outbound_cluster("bt", "sa", 7070))
    ),
    "sidecar-bind-no-capture/client/127.0.0.9_8090": outbound(
        "127.0.0.9", 8090, http("8090", "127.0.0.9", 8090), bound=True
    ),
    "gw-vs-merge/edge/0.0.0.0_80": gateway(
        80, http("http.80", "0.0.0.0", 80, direction=Direction.GATEWAY)
    ),
    "gw-tcp/edge/0.0.0.0_15432": gateway(
        15432,
        FilterChain(
            "",
            TcpForward(
                (
                    (outbound_cluster("db", "shop", 5432, "v1"), 40),
                    (outbound_cluster("db", "shop", 5432, "v2"), 60),
                ),
                "db.shop",
            ),
            connect_timeout=True,
        ),
    ),
    "tcp-weights/teller/10.96.43.1_7000": outbound(
        "10.96.43.1",
        7000,
        FilterChain(
            "",
            TcpForward(
                (
                    (outbound_cluster("vault", "bank", 7000, "a"), 75),
                    (outbound_cluster("vault", "bank", 7000, "b"), 20),
                    (outbound_cluster("safe", "bank", 7000), 5),
                ),
                "vault.bank",
            ),
            connect_timeout=True,
        ),
    ),
    "tcp-match-conditions/teller/10.96.44.1_6000": outbound(
        "10.96.44.1",
        6000,
        tcp(
            outbound_cluster("audit", "bank", 6000),
            match=ChainMatch(prefixes=(("10.96.44.0", 24),)),
        ),
        default_chain=tcp(outbound_cluster("ledger", "bank", 6000)),
    ),
}
