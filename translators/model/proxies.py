"""A proxy as its node id and metadata describe it (Istio's NodeMetadata)."""

from dataclasses import dataclass, field
from enum import StrEnum

from translators.model.base import Labels
from translators.model.services import Locality
from translators.model.tls import SecretSource


class ProxyType(StrEnum):
    SIDECAR = "sidecar"
    ROUTER = "router"


class Interception(StrEnum):
    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`id` is the whole node id; `name` the third part of it without the namespace.

    `identity` is the SPIFFE id that the stream has proven, "" where nothing was proven.
    """

    id: str
    type: ProxyType
    ip: str
    name: str
    namespace: str
    dns_domain: str
    ips: tuple[str, ...] = ()
    labels: Labels = field(default_factory=dict)
    service_account: str = ""
    cluster_id: str = ""
    version: str = ""
    generator: str = ""
    interception: Interception = Interception.REDIRECT
    locality: Locality = Locality()
    secrets: SecretSource = SecretSource.AGENT
    identity: str = ""
