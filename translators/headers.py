"""HeaderOperations -> the fields that routes and weighted clusters share."""

from collections.abc import Iterator
from typing import Final

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import Route as WireRoute
from envoy.config.route.v3.route_components_pb2 import WeightedCluster

from translators.model import HeaderOperations

_AUTHORITY: Final = frozenset({"host", ":authority"})


def authority(request: HeaderOperations) -> str:
    """The host that `request` sets: Envoy takes it as a rewrite only, never as a header."""
    return next((value for name, value in reversed(request.set) if name.lower() in _AUTHORITY), "")


def change_headers(
    owner: WireRoute | WeightedCluster.ClusterWeight,
    *,
    request: HeaderOperations,
    response: HeaderOperations,
) -> None:
    owner.request_headers_to_add.extend(_additions(request, hosts=False))
    owner.request_headers_to_remove.extend(request.remove)
    owner.response_headers_to_add.extend(_additions(response, hosts=True))
    owner.response_headers_to_remove.extend(response.remove)


def _additions(operations: HeaderOperations, *, hosts: bool) -> Iterator[HeaderValueOption]:
    for name, value in operations.set:
        if hosts or name.lower() not in _AUTHORITY:
            yield HeaderValueOption(
                header=HeaderValue(key=name, value=value),
                append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
    for name, value in operations.add:
        if hosts or name.lower() not in _AUTHORITY:
            yield HeaderValueOption(header=HeaderValue(key=name, value=value))
