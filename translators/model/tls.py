"""Transport security, as both sides speak of it: who must prove itself, and with what."""

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


class TlsMode(StrEnum):
    """What clients speak to a destination (DestinationRule)."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"  # the server proves who it is
    MUTUAL = "MUTUAL"  # and the client, with a certificate of its own
    ISTIO_MUTUAL = "ISTIO_MUTUAL"  # both, with the identities of the mesh


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What a DestinationRule says of the security of connections. Files are the proxy's."""

    mode: TlsMode
    certificate: str = ""
    key: str = ""
    roots: str = ""
    crl: str = ""
    credential: str = ""
    sans: tuple[str, ...] = ()
    sni: str = ""
    unverified: bool = False


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
    crl      path of a file of revoked certificates
    spki, hashes  the caller's certificate has one of these, where there are any: SHA-256 of its key
             in base64, of itself in hex
    unverified    callers are let in whoever signed their certificates, and without any
    """

    certificates: tuple[SecretRef, ...]
    alpn: tuple[str, ...]
    trust: SecretRef | None = None
    require: bool = False
    sans: tuple[StringMatch, ...] = ()
    minimum: str = "TLSv1_2"
    maximum: str = ""
    ciphers: tuple[str, ...] = ()
    crl: str = ""
    spki: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    unverified: bool = False
    provider: bool = False  # for gRPC: named certificate providers instead of SDS
    lifetime_ms: int | None = None  # of HTTP connections, so that none outlives its certificates


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """What a client presents and expects.

    certificate  None: the client does not prove who it is
    trust        None: the server is not verified
    sans         of these the server's certificate has one, where there are any
    crl          path of a file of revoked certificates
    automatic    SNI is that of each request (auto_sni); where the server is verified and no name is
                 expected, so is the expected name (auto_san_validation)
    by_endpoint  endpoints that say `tlsMode: istio` are spoken to so, all others in plaintext
    """

    certificate: SecretRef | None
    trust: SecretRef | None
    sni: str = ""
    sans: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    crl: str = ""
    automatic: bool = False
    by_endpoint: bool = False
    minimum: str = ""
    maximum: str = ""
    provider: bool = False  # for gRPC: named certificate providers instead of SDS
    lifetime_ms: int | None = None  # of HTTP connections, so that none outlives its certificates
