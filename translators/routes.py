"""Route -> envoy.config.route.v3.Route, towards services (outbound) or the workload (inbound)."""

from typing import Final

from envoy.config.route.v3.route_components_pb2 import (
    Decorator,
    DirectResponseAction,
    RetryPolicy,
    RouteAction,
    WeightedCluster,
)
from envoy.config.route.v3.route_components_pb2 import Route as WireRoute
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import (
    PreviousHostsPredicate,
)
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (
    PreviousPrioritiesConfig,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from translators import names, origin
from translators.headers import authority, change_headers
from translators.matchers import regex, route_match
from translators.model import MatchKind, Retry, Route, RouteMatch, Target
from translators.wire import duration, pack

# hosts that are tried before the one that failed is taken again (Istio's)
_HOST_ATTEMPTS: Final = 5
# Istio's: priorities are reconsidered after every second try
_PRIORITY_UPDATES: Final = 2
# the answer of a route that leads nowhere (Istio's block_all)
_NO_TARGET: Final = 502


def outbound_route(route: Route) -> WireRoute:
    wire = _plain(route)
    if wire.HasField("route"):
        # gRPC's own deadline is under the same limit
        wire.route.max_grpc_timeout.CopyFrom(duration(route.timeout_ms))
        if route.retry:
            wire.route.retry_policy.CopyFrom(_retry(route.retry))
    if operation := _operation(route):
        wire.decorator.CopyFrom(Decorator(operation=operation))
    return wire


def inbound_route(route: Route) -> WireRoute:
    """The route of a workload's own port: the caller's deadline is not cut short."""
    wire = _plain(route)
    if wire.HasField("route"):
        wire.route.max_stream_duration.max_stream_duration.CopyFrom(Duration())
        wire.route.max_stream_duration.grpc_timeout_header_max.CopyFrom(Duration())
        if route.retry:
            wire.route.retry_policy.CopyFrom(_bare_retry(route.retry))
    return wire


def proxyless_route(route: Route) -> WireRoute:
    """A route for a gRPC client: the time limit of a call is that of its stream, 0 for none."""
    wire = outbound_route(route)
    if wire.HasField("route"):
        wire.route.max_stream_duration.max_stream_duration.CopyFrom(duration(route.timeout_ms))
    return wire


def clusters(route: Route) -> frozenset[str]:
    return frozenset(target.cluster for target in route.targets)


def _plain(route: Route) -> WireRoute:
    wire = WireRoute(name=route.name, match=route_match(route.match))
    if config := origin.path(route.source):
        wire.metadata.CopyFrom(origin.metadata({"config": origin.text(config)}))
    if route.targets:
        wire.route.CopyFrom(_action(route))
    else:
        # Envoy refuses a whole table for one route without an action
        wire.direct_response.CopyFrom(DirectResponseAction(status=_NO_TARGET))
    change_headers(wire, request=route.request, response=route.response)
    if len(route.targets) == 1 and not route.weighted:
        only = route.targets[0]
        change_headers(wire, request=only.request, response=only.response)
    return wire


def _action(route: Route) -> RouteAction:
    action = RouteAction(timeout=duration(route.timeout_ms))
    host = authority(route.request)
    if route.weighted or len(route.targets) > 1:
        action.weighted_clusters.CopyFrom(
            WeightedCluster(clusters=[_share(target) for target in route.targets])
        )
    else:
        only = route.targets[0]
        action.cluster = only.cluster
        host = authority(only.request) or host
    if route.rewrite:
        host = route.rewrite.authority or host
        if route.rewrite.regex:
            pattern, substitution = route.rewrite.regex
            action.regex_rewrite.CopyFrom(
                RegexMatchAndSubstitute(pattern=regex(pattern), substitution=substitution)
            )
        elif route.rewrite.uri:
            action.prefix_rewrite = route.rewrite.uri
    if host:
        action.host_rewrite_literal = host
    return action


def _share(target: Target) -> WeightedCluster.ClusterWeight:
    share = WeightedCluster.ClusterWeight(
        name=target.cluster, weight=UInt32Value(value=target.weight)
    )
    change_headers(share, request=target.request, response=target.response)
    if host := authority(target.request):
        share.host_rewrite_literal = host
    return share


def _bare_retry(retry: Retry) -> RetryPolicy:
    policy = RetryPolicy(
        retry_on=retry.retry_on,
        num_retries=UInt32Value(value=retry.attempts),
        retriable_status_codes=retry.codes,
    )
    if retry.per_try_timeout_ms:
        policy.per_try_timeout.CopyFrom(duration(retry.per_try_timeout_ms))
    if retry.backoff_ms:
        policy.retry_back_off.base_interval.CopyFrom(duration(retry.backoff_ms))
    return policy


def _retry(retry: Retry) -> RetryPolicy:
    policy = _bare_retry(retry)
    policy.host_selection_retry_max_attempts = _HOST_ATTEMPTS
    if retry.previous_hosts:
        predicate = policy.retry_host_predicate.add()
        predicate.name = "envoy.retry_host_predicates.previous_hosts"
        predicate.typed_config.CopyFrom(pack(PreviousHostsPredicate()))
    if retry.remote_localities:
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        policy.retry_priority.typed_config.CopyFrom(
            pack(PreviousPrioritiesConfig(update_frequency=_PRIORITY_UPDATES))
        )
    return policy


def _operation(route: Route) -> str:
    """`host:port/path*`: the name of a trace's operation; "" for a built-in cluster."""
    parsed = names.parse_cluster(route.targets[0].cluster) if route.targets else None
    return f"{parsed.host}:{parsed.port}{_pattern(route.match)}" if parsed else ""


def _pattern(match: RouteMatch) -> str:
    if match.uri is None:
        return "/*"
    return f"{match.uri.value}*" if match.uri.kind is MatchKind.PREFIX else match.uri.value
