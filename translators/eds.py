"""Assignment -> ClusterLoadAssignment: endpoints by locality, both in a fixed order."""

from typing import Final

from envoy.config.core.v3.base_pb2 import Locality as WireLocality
from envoy.config.core.v3.base_pb2 import Metadata
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as WireEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.wrappers_pb2 import UInt32Value

from translators import origin
from translators.address import socket_address
from translators.model import Assignment, Endpoint, Health, Labels, Locality
from translators.tls import ISTIO, MATCH_METADATA, TLS_MODE
from translators.wire import ASSIGNMENT, Packed, serialise

CLUSTER_ID: Final = "Kubernetes"
_HEALTH: Final = {Health.HEALTHY: HealthStatus.HEALTHY, Health.UNHEALTHY: HealthStatus.UNHEALTHY}
# the first label that is there names the application (Istio's canonical service)
_NAMES: Final = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS: Final = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")


def translate(assignment: Assignment) -> Packed:
    groups: dict[Locality, list[Endpoint]] = {}
    for endpoint in assignment.endpoints:
        groups.setdefault(endpoint.locality, []).append(endpoint)
    wire = ClusterLoadAssignment(cluster_name=assignment.cluster)
    for locality in sorted(groups, key=lambda item: (item.region, item.zone, item.subzone)):
        wire.endpoints.append(_group(locality, groups[locality]))
    return Packed(
        type_url=ASSIGNMENT, name=assignment.cluster, value=serialise(wire), unit=assignment
    )


def _group(locality: Locality, endpoints: list[Endpoint]) -> LocalityLbEndpoints:
    endpoints.sort(key=lambda item: (item.address, item.port))
    return LocalityLbEndpoints(
        locality=WireLocality(
            region=locality.region, zone=locality.zone, sub_zone=locality.subzone
        ),
        load_balancing_weight=UInt32Value(value=sum(map(_weight, endpoints))),
        lb_endpoints=[
            LbEndpoint(
                endpoint=WireEndpoint(address=socket_address(item.address, item.port)),
                health_status=_HEALTH[item.health],
                load_balancing_weight=UInt32Value(value=_weight(item)),
                metadata=_metadata(item),
            )
            for item in endpoints
        ],
    )


def _weight(endpoint: Endpoint) -> int:
    # Envoy refuses the whole response for a weight of 0
    return max(endpoint.weight, 1)


def _metadata(endpoint: Endpoint) -> Metadata:
    wire = origin.metadata({"workload": origin.text(workload(endpoint))})
    if endpoint.mutual:
        wire.filter_metadata[MATCH_METADATA].update({TLS_MODE: ISTIO})
    return wire


def workload(endpoint: Endpoint) -> str:
    """`workload;namespace;canonical name;canonical revision;cluster`, for Istio's telemetry."""
    if not endpoint.workload:
        return f";;;;{CLUSTER_ID}"
    name = _first(endpoint.labels, _NAMES) or endpoint.workload
    revision = _first(endpoint.labels, _REVISIONS)
    if revision == "latest":
        revision = ""
    return f"{endpoint.workload};{endpoint.namespace};{name};{revision};{CLUSTER_ID}"


def _first(labels: Labels, keys: tuple[str, ...]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
