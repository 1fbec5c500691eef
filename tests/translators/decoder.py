"""An independent decoder of Envoy's messages: none of the classes that the translators use."""

import warnings
from typing import TypeVar

import betterproto2

with warnings.catch_warnings():
    # its classes use a form of pydantic's validators that is deprecated
    warnings.simplefilter("ignore")
    from envoy_data_plane.envoy.config.cluster.v3 import Cluster
    from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
    from envoy_data_plane.envoy.config.listener.v3 import Listener
    from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

__all__ = ["Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration", "decode"]

Message = TypeVar("Message", bound=betterproto2.Message)


def decode(kind: type[Message], value: bytes) -> Message:
    """`value` as a message of `kind`, with its field rules checked."""
    with warnings.catch_warnings():
        # it complains of fields that Envoy's API calls deprecated and that Istio sends
        warnings.simplefilter("ignore", DeprecationWarning)
        return kind.parse(value)
