"""HttpConnection -> Envoy's HttpConnectionManager: what inbound, outbound and routers differ in."""

from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpConnectionManager,
    RequestIDExtension,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

from translators import rds
from translators.ads import ads_source
from translators.filters import ORDER, PROXYLESS_ORDER, SERVED_ORDER
from translators.model import Direction, HttpConnection
from translators.wire import duration, pack

_NAME: Final = "envoy.filters.network.http_connection_manager"
_SERVER: Final = "istio-envoy"
_SERVED: Final = HttpConnection("", Direction.INBOUND, "")


def http_connection(connection: HttpConnection, lifetime_ms: int | None = None) -> Filter:
    """`lifetime_ms`: when a connection is drained, None: never for its age."""
    wire = HttpConnectionManager(
        stat_prefix=connection.stat_prefix,
        normalize_path=BoolValue(value=True),
        path_with_escaped_slashes_action=HttpConnectionManager.KEEP_UNCHANGED,
        proxy_100_continue=True,
        use_remote_address=BoolValue(value=connection.direction is Direction.GATEWAY),
        stream_idle_timeout=Duration(),
        upgrade_configs=[HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        request_id_extension=RequestIDExtension(
            typed_config=pack(
                UuidRequestIdConfig(use_request_id_for_trace_sampling=BoolValue(value=True))
            )
        ),
    )
    wire.http_filters.extend(
        made for http_filter in ORDER if (made := http_filter(connection)) is not None
    )
    if isinstance(connection.routes, str):
        wire.rds.route_config_name = connection.routes
        wire.rds.config_source.CopyFrom(ads_source())
    else:
        wire.route_config.CopyFrom(rds.inline(connection.routes))
    _caller(wire, connection.direction)
    if lifetime_ms is not None:
        wire.common_http_protocol_options.max_connection_duration.CopyFrom(duration(lifetime_ms))
    if connection.http2:
        wire.http2_protocol_options.SetInParent()
    return Filter(name=_NAME, typed_config=pack(wire))


def proxyless_connection(table: str) -> HttpConnectionManager:
    """The connection of a gRPC client: where its routes are, and the filters that it knows."""
    connection = HttpConnection(table, Direction.OUTBOUND, "")
    wire = HttpConnectionManager(
        http_filters=[made for kind in PROXYLESS_ORDER if (made := kind(connection)) is not None]
    )
    wire.rds.route_config_name = table
    wire.rds.config_source.ads.SetInParent()
    return wire


def served_connection(chain: str) -> Filter:
    """The connections of a gRPC server: requests end there."""
    wire = HttpConnectionManager(
        http_filters=[made for kind in SERVED_ORDER if (made := kind(_SERVED)) is not None]
    )
    host = wire.route_config.virtual_hosts.add(domains=["*"])
    wire.route_config.name = "inbound"
    route = host.routes.add()
    route.match.prefix = "/"
    route.non_forwarding_action.SetInParent()
    return Filter(name=f"inbound-hcm{chain.rpartition('-')[2]}", typed_config=pack(wire))


def _caller(wire: HttpConnectionManager, direction: Direction) -> None:
    """What is believed and passed on of the caller, and what is told to it."""
    details = wire.set_current_client_cert_details
    match direction:
        case Direction.INBOUND:
            wire.server_name = _SERVER
            wire.forward_client_cert_details = HttpConnectionManager.APPEND_FORWARD
            details.subject.value = True
            details.uri = True
            details.dns = True
        case Direction.GATEWAY:
            wire.server_name = _SERVER
            wire.forward_client_cert_details = HttpConnectionManager.SANITIZE_SET
            details.subject.value = True
            details.cert = True
            details.uri = True
            details.dns = True
            wire.http_protocol_options.SetInParent()
        case Direction.OUTBOUND:
            pass
