"""The clusters that every proxy has. Constants, so that they are translated once."""

from typing import Final

from translators.model import Cluster, ConnectionPool, Discovery, TrafficPolicy
from translators.names import (
    BLACK_HOLE_CLUSTER,
    INBOUND_PASSTHROUGH_CLUSTER,
    PASSTHROUGH_CLUSTER,
)

# the source of connections that a sidecar opens to its own workload (Istio's InboundPassthrough)
INBOUND_SOURCE: Final = "127.0.0.6"

_IDLE: Final = TrafficPolicy(connection_pool=ConnectionPool(http_idle_timeout_ms=300_000))

PASSTHROUGH: Final = Cluster(
    name=PASSTHROUGH_CLUSTER,
    discovery=Discovery.ORIGINAL_DST,
    policy=_IDLE,
    downstream_protocol=True,
)
INBOUND_PASSTHROUGH: Final = Cluster(
    name=INBOUND_PASSTHROUGH_CLUSTER,
    discovery=Discovery.ORIGINAL_DST,
    policy=_IDLE,
    downstream_protocol=True,
    bind_source=INBOUND_SOURCE,
)
BLACK_HOLE: Final = Cluster(name=BLACK_HOLE_CLUSTER, discovery=Discovery.STATIC, unlimited=False)
