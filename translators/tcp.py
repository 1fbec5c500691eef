"""TcpForward -> Envoy's TcpProxy."""

from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from translators.model import TcpForward
from translators.wire import duration, pack

_NAME: Final = "envoy.filters.network.tcp_proxy"


def tcp_forward(forward: TcpForward) -> Filter:
    wire = TcpProxy(stat_prefix=forward.stat_prefix)
    if len(forward.targets) == 1:
        wire.cluster = forward.targets[0][0]
    else:
        for cluster, weight in forward.targets:
            wire.weighted_clusters.clusters.add(name=cluster, weight=weight)
    if forward.idle_timeout_ms is not None:
        wire.idle_timeout.CopyFrom(duration(forward.idle_timeout_ms))
    if forward.max_connection_duration_ms is not None:
        wire.max_downstream_connection_duration.CopyFrom(
            duration(forward.max_connection_duration_ms)
        )
    return Filter(name=_NAME, typed_config=pack(wire))
