"""Node -> model.Proxy: who asks, by Istio's node id and metadata."""

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from translators.model import Interception, Locality, Proxy, ProxyType

_PARTS = 4
_LONGEST = 1024
GRPC = "grpc"


class NodeError(ValueError):
    """The node cannot be served; the text is istiod's."""


def proxy(node: Node) -> Proxy:
    """The proxy that `node` describes: `type~ip~name.namespace~domain` and its metadata.

    Raises NodeError with what is missing.
    """
    if not node.id:
        raise NodeError("missing node information")
    if len(node.id) > _LONGEST:
        raise NodeError(f"the service node is longer than {_LONGEST} characters")
    parts = node.id.split("~")
    if len(parts) != _PARTS:
        raise NodeError(f'missing parts in the service node "{node.id}"')
    kind, ip, name, domain = parts
    if kind not in frozenset(ProxyType):
        raise NodeError(
            "invalid node type (valid types: [sidecar router waypoint ztunnel]) in the service "
            f'node "{node.id}"'
        )
    metadata = json_format.MessageToDict(node.metadata)
    pod, _, suffix = name.rpartition(".")
    namespace = _text(metadata, "NAMESPACE") or (suffix if pod else "") or domain.partition(".")[0]
    ips = tuple(part.strip() for part in _text(metadata, "INSTANCE_IPS").split(",") if part.strip())
    interception = _text(metadata, "INTERCEPTION_MODE")
    return Proxy(
        id=node.id,
        type=ProxyType(kind),
        ip=ip,
        name=_text(metadata, "NAME") or pod or name,
        namespace=namespace,
        dns_domain=domain,
        ips=tuple(dict.fromkeys((*((ip,) if ip else ()), *ips))),
        labels=_labels(metadata),
        service_account=_text(metadata, "SERVICE_ACCOUNT"),
        cluster_id=_text(metadata, "CLUSTER_ID"),
        version=_text(metadata, "ISTIO_VERSION") or _envoy_version(node),
        generator=_text(metadata, "GENERATOR"),
        interception=Interception(interception)
        if interception in frozenset(Interception)
        else Interception.REDIRECT,
        locality=Locality(node.locality.region, node.locality.zone, node.locality.sub_zone),
    )


def _text(metadata: Mapping[str, object], key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ""


def _labels(metadata: Mapping[str, object]) -> Mapping[str, str]:
    labels = metadata.get("LABELS")
    if not isinstance(labels, dict):
        return {}
    return {str(key): value for key, value in labels.items() if isinstance(value, str)}


def _envoy_version(node: Node) -> str:
    version = node.user_agent_build_version.version
    if version.major_number or version.minor_number:
        return f"{version.major_number}.{version.minor_number}.{version.patch}"
    return str(node.user_agent_version)
