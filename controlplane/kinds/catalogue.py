"""KINDS: every kind that we read, in one place, and what Istio has besides."""

from dataclasses import dataclass
from typing import Final

from controlplane.kinds.destinationrule import DestinationRuleSpec
from controlplane.kinds.frames import Frame
from controlplane.kinds.gateway import GatewaySpec
from controlplane.kinds.peerauthentication import PeerAuthenticationSpec
from controlplane.kinds.pods import PodDocument
from controlplane.kinds.secrets import SecretDocument
from controlplane.kinds.serviceentry import ServiceEntrySpec, WorkloadEntrySpec
from controlplane.kinds.services import EndpointSliceSpec, NamespaceSpec, ServiceSpec
from controlplane.kinds.sidecar import SidecarSpec
from controlplane.kinds.virtualservice import VirtualServiceSpec

CORE: Final = ""
DISCOVERY: Final = "discovery.k8s.io"
NETWORKING: Final = "networking.istio.io"
SECURITY: Final = "security.istio.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `whole`: the model reads the whole document, not `spec` alone.

    `status`: the field of the model that takes the document's status. `secret`: the document is
    not kept beside what was read of it.
    """

    name: str
    group: str
    versions: tuple[str, ...]
    model: type[Frame]
    namespaced: bool = True
    whole: bool = False
    status: str = ""
    secret: bool = False

    @property
    def strict(self) -> bool:
        return self.group in ISTIO


_V1: Final = ("v1",)
_ALL: Final = ("v1", "v1beta1", "v1alpha3")

KINDS: Final[tuple[Kind, ...]] = (
    Kind("Namespace", CORE, _V1, NamespaceSpec, namespaced=False),
    Kind("Service", CORE, _V1, ServiceSpec),
    Kind("Pod", CORE, _V1, PodDocument, whole=True),
    Kind("Secret", CORE, _V1, SecretDocument, whole=True, secret=True),
    Kind("EndpointSlice", DISCOVERY, _V1, EndpointSliceSpec, whole=True),
    Kind("VirtualService", NETWORKING, _ALL, VirtualServiceSpec),
    Kind("DestinationRule", NETWORKING, _ALL, DestinationRuleSpec),
    Kind("Gateway", NETWORKING, _ALL, GatewaySpec),
    Kind("Sidecar", NETWORKING, _ALL, SidecarSpec),
    Kind("ServiceEntry", NETWORKING, _ALL, ServiceEntrySpec, status="status"),
    Kind("WorkloadEntry", NETWORKING, _ALL, WorkloadEntrySpec),
    Kind("PeerAuthentication", SECURITY, ("v1", "v1beta1"), PeerAuthenticationSpec),
)

# Istio's groups, and the kinds in them that we know by name and do not serve yet
ISTIO: Final = {
    NETWORKING: frozenset({"EnvoyFilter", "ProxyConfig", "WorkloadGroup"}),
    SECURITY: frozenset({"AuthorizationPolicy", "RequestAuthentication"}),
    "telemetry.istio.io": frozenset({"Telemetry"}),
    "extensions.istio.io": frozenset({"WasmPlugin", "TrafficExtension"}),
}

BY_NAME: Final = {(kind.group, kind.name): kind for kind in KINDS}
