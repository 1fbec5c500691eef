"""Where Envoy gets a resource from: the stream that it already has."""

from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
)
from google.protobuf.duration_pb2 import Duration


def ads_source() -> ConfigSource:
    """ADS, with no limit to the wait for the first answer (Istio's)."""
    return ConfigSource(
        ads=AggregatedConfigSource(),
        initial_fetch_timeout=Duration(),
        resource_api_version=ApiVersion.V3,
    )
