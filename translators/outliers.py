"""OutlierDetection -> Envoy's; success rate is never judged, as in Istio."""

from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection as WireOutliers
from google.protobuf.wrappers_pb2 import UInt32Value

from translators.model import OutlierDetection
from translators.wire import duration

_FULLY = 100


def outlier_detection(outlier: OutlierDetection) -> WireOutliers:
    """`min_health_percent` is not here: it is the panic threshold of the cluster."""
    wire = WireOutliers(enforcing_success_rate=UInt32Value(value=0))
    if (count := outlier.consecutive_5xx_errors) is not None:
        wire.consecutive_5xx.value = count
        wire.enforcing_consecutive_5xx.value = _FULLY if count else 0
    if (count := outlier.consecutive_gateway_errors) is not None:
        wire.consecutive_gateway_failure.value = count
        wire.enforcing_consecutive_gateway_failure.value = _FULLY if count else 0
    if outlier.split_external_local_origin_errors:
        wire.split_external_local_origin_errors = True
        wire.enforcing_local_origin_success_rate.value = 0
        if count := outlier.consecutive_local_origin_failures:
            wire.consecutive_local_origin_failure.value = count
            wire.enforcing_consecutive_local_origin_failure.value = _FULLY
    if outlier.interval_ms is not None:
        wire.interval.CopyFrom(duration(outlier.interval_ms))
    if outlier.base_ejection_time_ms is not None:
        wire.base_ejection_time.CopyFrom(duration(outlier.base_ejection_time_ms))
    if outlier.max_ejection_percent is not None:
        wire.max_ejection_percent.value = outlier.max_ejection_percent
    return wire
