"""What users write: one frozen model per kind, and `decode` from a document to an Object.

objects     Key, Object, Refusal, Ignored, Verdict: what decoding yields
catalogue   KINDS, all kinds in one place
decoding    decode(document), which never raises
faults      errors as verdicts with path, value, reason and remedy
frames, fields, problems, ports, policies   what the models are made of
virtualservice, destinationrule, …          the models
servertls, keypairs         what a Gateway's server speaks; whether a Secret holds what it says
matches, operations, rewrites, retries, shadowing   the parts of a VirtualService's rules
durations, hosts, labels, regexes, headers, commands   what is right for one text
protocols   the protocol of a port by its name

Pure, and knows of ours only translators.model. A document is refused where Istio refuses it, or
where Envoy would refuse what comes of it; all faults are named at once. In Istio's groups an
unknown field is refused; in Kubernetes' kinds what we do not read is ignored.
"""

from controlplane.kinds.catalogue import KINDS, Kind
from controlplane.kinds.decoding import Decoded, Weights, decode
from controlplane.kinds.destinationrule import DestinationRuleSpec, Subset
from controlplane.kinds.gateway import GatewaySpec, Server
from controlplane.kinds.matches import HttpMatch
from controlplane.kinds.objects import (
    Ignored,
    Key,
    Location,
    Meta,
    Object,
    Refusal,
    Severity,
    Verdict,
)
from controlplane.kinds.peerauthentication import PeerAuthenticationSpec
from controlplane.kinds.pods import PodSpec
from controlplane.kinds.protocols import parse_protocol, protocol_of
from controlplane.kinds.secrets import SecretSpec
from controlplane.kinds.servertls import ServerTls, ServerTlsMode
from controlplane.kinds.serviceentry import ServiceEntrySpec, WorkloadEntrySpec
from controlplane.kinds.services import EndpointSliceSpec, NamespaceSpec, ServicePort, ServiceSpec
from controlplane.kinds.sidecar import CaptureMode, SidecarSpec
from controlplane.kinds.virtualservice import HttpRoute, VirtualServiceSpec

__all__ = [
    "KINDS",
    "CaptureMode",
    "Decoded",
    "DestinationRuleSpec",
    "EndpointSliceSpec",
    "GatewaySpec",
    "HttpMatch",
    "HttpRoute",
    "Ignored",
    "Key",
    "Kind",
    "Location",
    "Meta",
    "NamespaceSpec",
    "Object",
    "PeerAuthenticationSpec",
    "PodSpec",
    "Refusal",
    "SecretSpec",
    "Server",
    "ServerTls",
    "ServerTlsMode",
    "ServiceEntrySpec",
    "ServicePort",
    "ServiceSpec",
    "Severity",
    "SidecarSpec",
    "Subset",
    "Verdict",
    "VirtualServiceSpec",
    "Weights",
    "WorkloadEntrySpec",
    "decode",
    "parse_protocol",
    "protocol_of",
]
