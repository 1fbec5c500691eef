"""Turns the gRPC-Web of browsers into gRPC."""

from typing import Final

from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)

from translators.model import HttpConnection
from translators.wire import pack

_FILTER: Final = HttpFilter(name="envoy.filters.http.grpc_web", typed_config=pack(GrpcWeb()))


def http_filter(connection: HttpConnection) -> HttpFilter | None:
    """On gateway ports of that protocol."""
    return _FILTER if connection.grpc_web else None
