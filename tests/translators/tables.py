"""Route tables in few words: hosts, routes and conditions as values of the model."""

from dataclasses import replace

from translators import names
from translators.model import (
    CatchAll,
    HeaderMatch,
    MatchKind,
    ObjectRef,
    Retry,
    Route,
    RouteMatch,
    RouteTable,
    StringMatch,
    Target,
    VirtualHost,
)

EXACT, PREFIX = MatchKind.EXACT, MatchKind.PREFIX
REGEX, PRESENT = MatchKind.REGEX, MatchKind.PRESENT
RETRY = Retry(2, "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes")


def fqdn(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def target(
    name: str, namespace: str, *, port: int = 80, subset: str = "", **rest: object
) -> Target:
    cluster = names.outbound_cluster(fqdn(name, namespace), port, subset)
    return Target(cluster, **rest)  # type: ignore[arg-type]


def to(target: Target, match: RouteMatch | None = None, **rest: object) -> Route:
    values: dict[str, object] = {"retry": RETRY} | rest
    return Route(match or RouteMatch(), (target,), **values)  # type: ignore[arg-type]


def split(targets: tuple[Target, ...], match: RouteMatch | None = None, **rest: object) -> Route:
    values: dict[str, object] = {"retry": RETRY} | rest
    return Route(match or RouteMatch(), targets, weighted=True, **values)  # type: ignore[arg-type]


def uri(kind: MatchKind, value: str) -> RouteMatch:
    return RouteMatch(uri=StringMatch(kind, value), written=True)


def header(name: str, kind: MatchKind, value: str = "", *, invert: bool = False) -> HeaderMatch:
    return HeaderMatch(name, StringMatch(kind, value), invert=invert)


def headers(*conditions: HeaderMatch) -> RouteMatch:
    return RouteMatch(headers=conditions, written=True)


def query(*conditions: HeaderMatch) -> RouteMatch:
    return RouteMatch(query=conditions, written=True)


def host(
    name: str, namespace: str, address: str, *routes: Route, port: int = 80, vs: str = ""
) -> VirtualHost:
    """The virtual host of a service for a client beside it; `vs` names its VirtualService."""
    hostname = fqdn(name, namespace)
    source = ObjectRef("VirtualService", namespace, vs or name)
    return VirtualHost(
        names.virtual_host(hostname, port),
        names.domains(hostname, dns_domain=f"{namespace}.svc.cluster.local", addresses=(address,)),
        tuple(replace(route, source=source) for route in routes),
    )


def plain_host(name: str, namespace: str, address: str) -> VirtualHost:
    route = to(target(name, namespace), name="default")
    return replace(host(name, namespace, address), routes=(route,))


def table(
    *hosts: VirtualHost, name: str = "80", catch_all: CatchAll = CatchAll.ALLOW_ANY
) -> RouteTable:
    return RouteTable(name, {item.name: item for item in hosts}, catch_all)


def radio(name: str, address: str, *routes: Route) -> RouteTable:
    return table(host(name, "radio", address, *routes))
