"""VirtualServices: names resolved, and flattened into the routes that one listener runs."""

from collections.abc import Callable

from controlplane.convergence.hosts import expand
from controlplane.convergence.records import MESH, Condition, Destination, Rule, Rules
from controlplane.kinds import HttpMatch, HttpRoute, Object, VirtualServiceSpec
from translators.model import (
    HeaderMatch,
    Labels,
    ObjectRef,
    Retry,
    Route,
    RouteMatch,
    Target,
    selects,
)
from translators.names import outbound_cluster

# Istio's default: two more tries, where nothing can have been processed
DEFAULT_RETRY = Retry(
    attempts=2,
    retry_on="connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
)

OnlyPort = Callable[[str], int | None]  # the sole port of a host's service, if it has just one


def compile_rules(
    item: Object, age: tuple[object, ...], *, domain: str, only_port: OnlyPort
) -> Rules:
    """The rules of a VirtualService with every name resolved in its namespace."""
    spec = item.spec
    assert isinstance(spec, VirtualServiceSpec)
    namespace = item.key.namespace
    rules = tuple(
        _rule(http, index, namespace=namespace, domain=domain, only_port=only_port)
        for index, http in enumerate(spec.http)
    )
    return Rules(
        key=item.key,
        age=age,
        hosts=tuple(expand(h, namespace=namespace, domain=domain) for h in spec.hosts),
        gateways=frozenset(_gateway(g, namespace) for g in spec.gateways or (MESH,)),
        export_to=spec.export_to or ("*",),
        rules=rules,
        by_source=any(
            c.source_labels or c.source_namespace for rule in rules for c in rule.conditions
        ),
    )


def _gateway(name: str, namespace: str) -> str:
    return name if name == MESH or "/" in name else f"{namespace}/{name}"


def _rule(http: HttpRoute, index: int, *, namespace: str, domain: str, only_port: OnlyPort) -> Rule:
    destinations = []
    for route in http.route:
        host = expand(route.destination.host, namespace=namespace, domain=domain)
        destinations.append(
            Destination(
                host=host,
                port=route.destination.port,
                subset=route.destination.subset,
                weight=route.weight,
                request=route.request_headers,
                response=route.response_headers,
                only_port=only_port(host),
            )
        )
    return Rule(
        name=http.name,
        conditions=tuple(_condition(match, namespace) for match in http.match),
        destinations=tuple(destinations),
        timeout_ms=http.timeout_ms or 0,
        retry=DEFAULT_RETRY if http.retries is None else http.retries.policy,
        rewrite=http.rewrite,
        request=http.request_headers,
        response=http.response_headers,
        field=f"spec.http[{index}]",
    )


def _condition(match: HttpMatch, namespace: str) -> Condition:
    headers = [
        *sorted((HeaderMatch(n, m) for n, m in match.headers.items()), key=_name),
        *sorted(
            (HeaderMatch(n, m, invert=True) for n, m in match.without_headers.items()),
            key=_name,
        ),
    ]
    for name, found in (
        (":method", match.method),
        (":authority", match.authority),
        (":scheme", match.scheme),
    ):
        if found is not None:
            headers.append(HeaderMatch(name, found))
    return Condition(
        name=match.name,
        match=RouteMatch(
            uri=match.uri,
            ignore_uri_case=match.ignore_uri_case,
            headers=tuple(headers),
            query=tuple(
                sorted((HeaderMatch(n, m) for n, m in match.query_params.items()), key=_name)
            ),
            written=True,
        ),
        port=match.port,
        gateways=tuple(_gateway(g, namespace) for g in match.gateways),
        source_labels=match.source_labels,
        source_namespace=match.source_namespace,
    )


def _name(match: HeaderMatch) -> str:
    return match.name


def routes(
    rules: Rules,
    *,
    port: int,
    match_port: int,
    gateway: str,
    namespace: str,
    labels: Labels,
) -> tuple[Route, ...]:
    """The routes of `rules` on one listener, in order, up to the first that takes everything.

    port        where a destination without a port goes, for sidecars
    match_port  what `match.port` is compared with (a Gateway's own port behind a Service)
    gateway     "mesh", or the "namespace/name" of the Gateway
    """
    who: tuple[object, ...] = ()
    if rules.by_source:
        who = (namespace, tuple(sorted(labels.items())))
    memo = (port, match_port, gateway, who)
    found = rules.memo.get(memo)
    if found is None:
        found = rules.memo[memo] = _flatten(
            rules,
            port=port,
            match_port=match_port,
            gateway=gateway,
            namespace=namespace,
            labels=labels,
        )
    return found


def _flatten(
    rules: Rules,
    *,
    port: int,
    match_port: int,
    gateway: str,
    namespace: str,
    labels: Labels,
) -> tuple[Route, ...]:
    found: list[Route] = []
    for rule in rules.rules:
        if not rule.conditions:
            found.append(_route(rules, rule, None, port=port, gateway=gateway))
            break
        for index, condition in enumerate(rule.conditions):
            if condition.port is not None and condition.port != match_port:
                continue
            if condition.gateways and gateway not in condition.gateways:
                continue
            if condition.source_namespace and condition.source_namespace != namespace:
                continue
            if not selects(condition.source_labels, labels):
                continue
            found.append(_route(rules, rule, (index, condition), port=port, gateway=gateway))
            if condition.match.catches_all:
                return tuple(found)
    return tuple(found)


def _route(
    rules: Rules,
    rule: Rule,
    indexed: tuple[int, Condition] | None,
    *,
    port: int,
    gateway: str,
) -> Route:
    live = [d for d in rule.destinations if d.weight or len(rule.destinations) == 1]
    targets = tuple(
        Target(
            cluster=outbound_cluster(
                d.host, destination_port(d, port=port, gateway=gateway), d.subset
            ),
            weight=d.weight,
            request=d.request,
            response=d.response,
        )
        for d in live
    )
    name, field, match = rule.name, rule.field, RouteMatch()
    if indexed is not None:
        index, condition = indexed
        if condition.name:
            name = f"{name}.{condition.name}"
        field, match = f"{field}.match[{index}]", condition.match
    return Route(
        match=match,
        targets=targets,
        name=name,
        weighted=len(rule.destinations) > 1,
        timeout_ms=rule.timeout_ms,
        retry=rule.retry,
        rewrite=rule.rewrite,
        request=rule.request,
        response=rule.response,
        source=ObjectRef(*rules.key),
        field=field,
    )


def destination_port(destination: Destination, *, port: int, gateway: str) -> int:
    """The port that is meant when none is written: on a gateway the service's only one, in a
    sidecar the listener's (Istio's rules)."""
    if destination.port is not None:
        return destination.port
    if gateway != MESH and destination.only_port is not None:
        return destination.only_port
    return port


def default_route(cluster: str, source: ObjectRef) -> tuple[Route, ...]:
    """What a service does that no VirtualService speaks of."""
    return (
        Route(
            match=RouteMatch(),
            targets=(Target(cluster),),
            name="default",
            retry=DEFAULT_RETRY,
            source=source,
        ),
    )


def destinations(rules: Rules) -> frozenset[tuple[str, int | None, str]]:
    """(host, port, subset) of every destination that receives requests; weight 0 does not count."""
    return frozenset(
        (d.host, d.port, d.subset)
        for rule in rules.rules
        for d in rule.destinations
        if d.weight or len(rule.destinations) == 1
    )
