"""Cluster -> envoy.config.cluster.v3.Cluster, in the shape that Istio sends."""

from typing import Final

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster as WireCluster
from envoy.config.cluster.v3.cluster_pb2 import UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import BindConfig, SocketAddress
from envoy.config.core.v3.address_pb2 import TcpKeepalive as WireKeepalive
from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from translators import names, origin, tls
from translators.address import socket_address
from translators.ads import ads_source
from translators.model import (
    Cluster,
    ConnectionPool,
    Direction,
    Discovery,
    LoadBalancer,
    TcpKeepalive,
    UpstreamTls,
)
from translators.outliers import outlier_detection
from translators.tls import ISTIO, TLS_MODE
from translators.upstream import protocol_options
from translators.wire import CLUSTER, Packed, duration, serialise

CONNECT_TIMEOUT_MS: Final = 10_000
UNLIMITED: Final = 4294967295  # Istio's "no limit" of a circuit breaker
# an original destination is kept for good: Go's greatest duration, as Istio sends it
_FOREVER: Final = Duration(seconds=9223372035)

_NO_POOL: Final = ConnectionPool()
_POLICIES: Final = {
    LoadBalancer.UNSPECIFIED: WireCluster.LEAST_REQUEST,
    LoadBalancer.LEAST_REQUEST: WireCluster.LEAST_REQUEST,
    LoadBalancer.ROUND_ROBIN: WireCluster.ROUND_ROBIN,
    LoadBalancer.RANDOM: WireCluster.RANDOM,
    LoadBalancer.PASSTHROUGH: WireCluster.CLUSTER_PROVIDED,
}
_STATISTICS: Final = {names.INBOUND_PASSTHROUGH_CLUSTER: names.PASSTHROUGH_CLUSTER}


def translate(cluster: Cluster) -> Packed:
    name = cluster.name
    if cluster.proxyless:
        return _proxyless(cluster)
    discovery = _discovery(cluster)
    parsed = names.parse_cluster(name)
    direction = parsed.direction if parsed else None
    wire = WireCluster(
        name=name,
        alt_stat_name=f"{_STATISTICS.get(name, name)};",
        connect_timeout=duration(_pool(cluster).connect_timeout_ms or CONNECT_TIMEOUT_MS),
    )
    match discovery:
        case Discovery.EDS:
            wire.type = WireCluster.EDS
            wire.eds_cluster_config.service_name = name
            wire.eds_cluster_config.eds_config.CopyFrom(ads_source())
            wire.lb_policy = _POLICIES[cluster.policy.load_balancer]
        case Discovery.STATIC:
            wire.type = WireCluster.STATIC
            if cluster.policy.load_balancer is not LoadBalancer.UNSPECIFIED:
                wire.lb_policy = _POLICIES[cluster.policy.load_balancer]
            if cluster.endpoints:
                wire.load_assignment.CopyFrom(_fixed(cluster))
        case Discovery.ORIGINAL_DST:
            wire.type = WireCluster.ORIGINAL_DST
            wire.lb_policy = WireCluster.CLUSTER_PROVIDED
            if direction is Direction.INBOUND:
                wire.cleanup_interval.CopyFrom(_FOREVER)
    _limits(wire, cluster)
    _balance(wire, cluster, direction)
    _origin(wire, cluster)
    _security(wire, cluster.tls)
    if cluster.bind_source:
        source = SocketAddress(address=cluster.bind_source, port_value=0)
        wire.upstream_bind_config.CopyFrom(BindConfig(source_address=source))
    if keepalive := _pool(cluster).tcp_keepalive:
        wire.upstream_connection_options.CopyFrom(_keepalive(keepalive))
    protocol_options(wire, cluster)
    return Packed(
        type_url=CLUSTER,
        name=name,
        value=serialise(wire),
        needs_assignment=discovery is Discovery.EDS,
        unit=cluster,
    )


def _proxyless(cluster: Cluster) -> Packed:
    """What a gRPC client takes: a name, and where the endpoints are."""
    wire = WireCluster(name=cluster.name, alt_stat_name=f"{cluster.name};", type=WireCluster.EDS)
    wire.eds_cluster_config.service_name = cluster.name
    wire.eds_cluster_config.eds_config.CopyFrom(ads_source())
    _security(wire, cluster.tls)
    return Packed(
        type_url=CLUSTER,
        name=cluster.name,
        value=serialise(wire),
        needs_assignment=True,
        unit=cluster,
    )


def _discovery(cluster: Cluster) -> Discovery:
    passthrough = cluster.policy.load_balancer is LoadBalancer.PASSTHROUGH
    if passthrough and cluster.discovery is Discovery.EDS:
        return Discovery.ORIGINAL_DST
    return cluster.discovery


def _pool(cluster: Cluster) -> ConnectionPool:
    return cluster.policy.connection_pool or _NO_POOL


def _limits(wire: WireCluster, cluster: Cluster) -> None:
    if not cluster.unlimited:
        return
    pool = _pool(cluster)
    wire.circuit_breakers.thresholds.append(
        CircuitBreakers.Thresholds(
            max_connections=_limit(pool.max_connections),
            max_pending_requests=_limit(pool.http1_max_pending_requests),
            max_requests=_limit(pool.http2_max_requests),
            max_retries=_limit(pool.max_retries),
        )
    )


def _limit(value: int | None) -> UInt32Value:
    return UInt32Value(value=UNLIMITED if value is None else value)


def _balance(wire: WireCluster, cluster: Cluster, direction: Direction | None) -> None:
    """Panic is off because unhealthy endpoints are sent; only clusters to services have it."""
    if direction is Direction.INBOUND:
        wire.common_lb_config.SetInParent()
    if direction is not Direction.OUTBOUND:
        return
    outlier = cluster.policy.outlier_detection
    share = (outlier.min_health_percent or 0) if outlier else 0
    wire.common_lb_config.healthy_panic_threshold.CopyFrom(Percent(value=share))
    if outlier:
        wire.outlier_detection.CopyFrom(outlier_detection(outlier))


def _origin(wire: WireCluster, cluster: Cluster) -> None:
    fields = {}
    if config := origin.path(cluster.source):
        fields["config"] = origin.text(config)
    if cluster.service:
        host, name, namespace = cluster.service
        fields["services"] = origin.services(host, name, namespace)
    if cluster.subset:
        fields["subset"] = origin.text(cluster.subset)
    if fields:
        wire.metadata.CopyFrom(origin.metadata(fields))


def _security(wire: WireCluster, security: UpstreamTls | None) -> None:
    """One transport for all endpoints, or one for those that say that they can and one for the
    rest."""
    if security is None:
        return
    socket = tls.upstream(security)
    if not security.by_endpoint:
        wire.transport_socket.CopyFrom(socket)
        return
    chosen = wire.transport_socket_matches.add(name=f"{TLS_MODE}-{ISTIO}", transport_socket=socket)
    chosen.match.update({TLS_MODE: ISTIO})
    rest = wire.transport_socket_matches.add(
        name=f"{TLS_MODE}-disabled", transport_socket=tls.RAW_BUFFER
    )
    rest.match.SetInParent()


def _fixed(cluster: Cluster) -> ClusterLoadAssignment:
    endpoints = [
        LbEndpoint(endpoint=Endpoint(address=socket_address(item.address, item.port)))
        for item in cluster.endpoints
    ]
    return ClusterLoadAssignment(
        cluster_name=cluster.name, endpoints=[LocalityLbEndpoints(lb_endpoints=endpoints)]
    )


def _keepalive(keepalive: TcpKeepalive) -> UpstreamConnectionOptions:
    wire = WireKeepalive()
    if keepalive.probes is not None:
        wire.keepalive_probes.value = keepalive.probes
    if keepalive.time_ms is not None:
        wire.keepalive_time.value = keepalive.time_ms // 1000
    if keepalive.interval_ms is not None:
        wire.keepalive_interval.value = keepalive.interval_ms // 1000
    return UpstreamConnectionOptions(tcp_keepalive=wire)
