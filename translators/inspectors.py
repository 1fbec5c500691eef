"""Listener filters: what looks at a connection before a filter chain is chosen."""

from collections.abc import Sequence
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import (
    ListenerFilter,
    ListenerFilterChainMatchPredicate,
)
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.wrappers_pb2 import UInt32Value

from translators.model import Inspector, Listener
from translators.wire import pack

_TLS_BUFFER: Final = 512  # bytes read at first, Istio's
_CONFIGS: Final = {
    Inspector.ORIGINAL_DST: ("envoy.filters.listener.original_dst", pack(OriginalDst())),
    Inspector.TLS: (
        "envoy.filters.listener.tls_inspector",
        pack(TlsInspector(initial_read_buffer_size=UInt32Value(value=_TLS_BUFFER))),
    ),
    Inspector.HTTP: ("envoy.filters.listener.http_inspector", pack(HttpInspector())),
}


def listener_filters(listener: Listener) -> list[ListenerFilter]:
    uninspected = dict(listener.uninspected)
    wires = []
    for inspector in listener.inspectors:
        name, config = _CONFIGS[inspector]
        wire = ListenerFilter(name=name, typed_config=config)
        if ports := uninspected.get(inspector):
            wire.filter_disabled.CopyFrom(_any_of(ports))
        wires.append(wire)
    return wires


def _any_of(ports: Sequence[int]) -> ListenerFilterChainMatchPredicate:
    rules = [
        ListenerFilterChainMatchPredicate(
            destination_port_range=Int32Range(start=port, end=port + 1)
        )
        for port in ports
    ]
    if len(rules) == 1:
        return rules[0]
    return ListenerFilterChainMatchPredicate(
        or_match=ListenerFilterChainMatchPredicate.MatchSet(rules=rules)
    )
