"""Sends the request on; always the last filter."""

from typing import Final

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)

from translators.model import HttpConnection
from translators.wire import pack

_FILTER: Final = HttpFilter(
    name="envoy.filters.http.router",
    typed_config=pack(Router()),
)


def http_filter(connection: HttpConnection) -> HttpFilter | None:
    """On every connection."""
    return _FILTER
