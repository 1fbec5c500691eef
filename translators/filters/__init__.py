"""HTTP filters. ORDER is the order in which a request passes them (Istio's)."""

from collections.abc import Callable
from typing import Final

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)

from translators.filters import cors, fault, grpc_stats, grpc_web, router
from translators.model import HttpConnection

# a filter says whether it stands in a connection by what it yields: None is no
ORDER: Final[tuple[Callable[[HttpConnection], HttpFilter | None], ...]] = (
    grpc_web.http_filter,
    grpc_stats.http_filter,
    fault.http_filter,
    cors.http_filter,
    router.http_filter,
)
# what gRPC clients know of these
PROXYLESS_ORDER: Final = (fault.http_filter, router.http_filter)
SERVED_ORDER: Final = (router.http_filter,)
