"""Transport security, as both sides speak of it: who must prove itself, and where proofs are kept."""

from dataclasses import dataclass
from enum import StrEnum

from translators.model.routes import StringMatch


class SecretSource(StrEnum):
    """Where a proxy gets its certificates and keys from; its node's metadata decides."""

    AGENT = "agent"  # an SDS server beside it, Istio's cluster `sds-grpc`
    ADS = "ads"  # the control plane, over the authenticated stream that is open anyway
    NONE = "none"  # nowhere: nobody vouches for it, so it speaks and accepts plaintext only


class PeerMode(StrEnum):
    """What a workload's port accepts (PeerAuthentication)."""

    DISABLE = "DISABLE"  # plaintext only
    PERMISSIVE = "PERMISSIVE"  # both
    STRICT = "STRICT"  # mutual TLS only


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by its SDS name (`default`, `ROOTCA`, `kubernetes://…`, `file-cert:…~…`)."""

    name: str
    source: SecretSource


@dataclass(frozen=True, slots=True)
class DownstreamTls:
    """What a listener presents to its callers, and asks of them.

    trust    what callers' certificates are verified with; None: they are not asked for
    require  whether a caller without a certificate is refused
    sans     of these the caller's certificate has one, where there are any
    """

    certificates: tuple[SecretRef, ...]
    alpn: tuple[str, ...]
    trust: SecretRef | None = None
    require: bool = False
    sans: tuple[StringMatch, ...] = ()
    minimum: str = "TLSv1_2"
    maximum: str = ""
    ciphers: tuple[str, ...] = ()
    provider: bool = False  # for gRPC: named certificate providers instead of SDS


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """What a client presents and expects.

    certificate  None: the client does not prove who it is
    trust        None: the server is not verified
    sans         of these the server's certificate has one, where there are any
    automatic    SNI and expected name are those of each request (auto_sni, auto_san_validation)
    """

    certificate: SecretRef | None
    trust: SecretRef | None
    sni: str = ""
    sans: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    automatic: bool = False
    minimum: str = ""
    maximum: str = ""
    provider: bool = False  # for gRPC: named certificate providers instead of SDS
