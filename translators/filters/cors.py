"""Answers preflights where a route asks for it."""

from typing import Final

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)

from translators.model import HttpConnection
from translators.wire import pack

_FILTER: Final = HttpFilter(
    name="envoy.filters.http.cors",
    typed_config=pack(Cors()),
)


def http_filter(connection: HttpConnection) -> HttpFilter | None:
    """On every connection."""
    return _FILTER
