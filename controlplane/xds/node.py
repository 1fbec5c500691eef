"""Node -> model.Proxy: who asks, by Istio's node id and metadata."""

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from sds.identity import SpiffeId
from translators.bootstrap import SECRETS_KEY
from translators.model import Interception, Locality, Proxy, ProxyType, SecretSource

_PARTS = 4
_LONGEST = 1024
GRPC = "grpc"


class NodeError(ValueError):
    """The node cannot be served; the text is istiod's."""


class NotAuthorisedError(Exception):
    """The node claims to be somebody that its caller is not; the text is istiod's."""


def proxy(node: Node, *, caller: SpiffeId | None = None) -> Proxy:
    """The proxy that `node` describes: `type~ip~name.namespace~domain` and its metadata.

    `caller` is who proved to be behind the stream. Raises NodeError with what is missing, and
    NotAuthorisedError where the node claims another namespace or service account.
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
    account = _text(metadata, "SERVICE_ACCOUNT")
    if caller is not None and (
        caller.namespace != namespace or (account and caller.service_account != account)
    ):
        raise NotAuthorisedError(
            f"authorization failed: no identities ([{caller}]) matched {namespace}/{account}"
        )
    return Proxy(
        id=node.id,
        type=ProxyType(kind),
        ip=ip,
        name=_text(metadata, "NAME") or pod or name,
        namespace=namespace,
        dns_domain=domain,
        ips=tuple(dict.fromkeys((*((ip,) if ip else ()), *ips))),
        labels=_labels(metadata),
        service_account=account,
        cluster_id=_text(metadata, "CLUSTER_ID"),
        version=_text(metadata, "ISTIO_VERSION") or _envoy_version(node),
        generator=_text(metadata, "GENERATOR"),
        interception=Interception(interception)
        if interception in frozenset(Interception)
        else Interception.REDIRECT,
        locality=Locality(node.locality.region, node.locality.zone, node.locality.sub_zone),
        secrets=_secrets(metadata, caller),
        identity="" if caller is None else str(caller),
    )


def _secrets(metadata: Mapping[str, object], caller: SpiffeId | None) -> SecretSource:
    """An agent beside the proxy serves secrets unless its node says otherwise; keys go over
    streams only where it is proven to whom."""
    if _text(metadata, SECRETS_KEY) != SecretSource.ADS:
        return SecretSource.AGENT
    return SecretSource.NONE if caller is None else SecretSource.ADS


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
