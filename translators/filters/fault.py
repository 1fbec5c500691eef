"""Injects delays and aborts where a route asks for them."""

from typing import Final

from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)

from translators.model import HttpConnection
from translators.wire import pack

_FILTER: Final = HttpFilter(
    name="envoy.filters.http.fault",
    typed_config=pack(HTTPFault()),
)


def http_filter(connection: HttpConnection) -> HttpFilter | None:
    """On every connection."""
    return _FILTER
