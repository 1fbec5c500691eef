"""Counts gRPC calls and puts their outcome into the filter state, as Istio does."""

from typing import Final

from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)
from google.protobuf.wrappers_pb2 import BoolValue

from translators.model import HttpConnection
from translators.wire import pack

_FILTER: Final = HttpFilter(
    name="envoy.filters.http.grpc_stats",
    typed_config=pack(
        FilterConfig(emit_filter_state=True, stats_for_all_methods=BoolValue(value=False))
    ),
)


def http_filter(connection: HttpConnection) -> HttpFilter | None:
    """On every connection."""
    return _FILTER
