"""What is spoken to a cluster: HTTP/2, the client's protocol, and limits of connections."""

from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster as WireCluster
from envoy.config.core.v3.protocol_pb2 import HttpProtocolOptions as CommonOptions
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from translators.model import Cluster, ConnectionPool
from translators.wire import duration, pack

_EXTENSION: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NO_POOL: Final = ConnectionPool()


def protocol_options(wire: WireCluster, cluster: Cluster) -> None:
    """Write the HTTP options of `cluster` into `wire`; none where Envoy's defaults hold."""
    pool = cluster.policy.connection_pool or _NO_POOL
    common = _common(pool, cluster.tls.lifetime_ms if cluster.tls is not None else None)
    automatic = cluster.tls is not None and cluster.tls.automatic
    options = HttpProtocolOptions()
    if cluster.downstream_protocol or pool.use_client_protocol:
        options.use_downstream_protocol_config.http_protocol_options.SetInParent()
        options.use_downstream_protocol_config.http2_protocol_options.SetInParent()
    elif cluster.protocol.is_http2 or (pool.h2_upgrade and cluster.protocol.is_http):
        http2 = options.explicit_http_config.http2_protocol_options
        http2.SetInParent()
        if pool.max_concurrent_streams is not None:
            http2.max_concurrent_streams.value = pool.max_concurrent_streams
    elif common is None and not automatic:
        return
    else:
        # one of the protocol configurations must be there
        options.explicit_http_config.http_protocol_options.SetInParent()
    if common is not None:
        options.common_http_protocol_options.CopyFrom(common)
    if automatic:
        assert cluster.tls is not None
        options.upstream_http_protocol_options.auto_sni = True
        options.upstream_http_protocol_options.auto_san_validation = (
            cluster.tls.trust is not None and not cluster.tls.sans
        )
    wire.typed_extension_protocol_options[_EXTENSION].CopyFrom(pack(options))


def _common(pool: ConnectionPool, secured_ms: int | None) -> CommonOptions | None:
    """An idle timeout of TCP holds for HTTP too where that has none of its own (Istio's).
    `secured_ms`: how long a connection may last for the sake of its certificates."""
    idle = pool.http_idle_timeout_ms
    if idle is None:
        idle = pool.tcp_idle_timeout_ms
    lifetime, requests = pool.max_connection_duration_ms, pool.max_requests_per_connection
    if secured_ms is not None:
        lifetime = secured_ms if lifetime is None else min(lifetime, secured_ms)
    if idle is None and lifetime is None and requests is None:
        return None
    options = CommonOptions()
    if idle is not None:
        options.idle_timeout.CopyFrom(duration(idle))
    if lifetime is not None:
        options.max_connection_duration.CopyFrom(duration(lifetime))
    if requests is not None:
        options.max_requests_per_connection.value = requests
    return options
