"""What a DestinationRule says of the connections to one destination."""

from dataclasses import dataclass
from enum import StrEnum

from translators.model.tls import ClientTls


class LoadBalancer(StrEnum):
    UNSPECIFIED = "UNSPECIFIED"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"


@dataclass(frozen=True, slots=True)
class TcpKeepalive:
    probes: int | None = None
    time_ms: int | None = None
    interval_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Limits and timeouts; None leaves Istio's default (no limit, connect timeout 10 s)."""

    max_connections: int | None = None
    connect_timeout_ms: int | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration_ms: int | None = None
    tcp_idle_timeout_ms: int | None = None
    http1_max_pending_requests: int | None = None
    http2_max_requests: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    http_idle_timeout_ms: int | None = None
    h2_upgrade: bool | None = None  # True UPGRADE, False DO_NOT_UPGRADE, None DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: int | None = None


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """None leaves Envoy's default; 0 of a count switches that detector off."""

    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_5xx_errors: int | None = None
    interval_ms: int | None = None
    base_ejection_time_ms: int | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int | None = None


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """The policy of one cluster, after subset and port have been merged in. `tls` None: as the
    endpoints want it (automatic mutual TLS)."""

    load_balancer: LoadBalancer = LoadBalancer.UNSPECIFIED
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None


DEFAULT_POLICY = TrafficPolicy()
