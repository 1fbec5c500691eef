"""Certificates and roots -> Secret (SDS). What they hold is in the bytes and nowhere else."""

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    TlsCertificate,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from translators.model import Certificate, Trust
from translators.wire import SECRET, Packed, serialise


def secret(name: str, content: Certificate | Trust) -> Packed:
    match content:
        case Certificate(chain, key, ocsp):
            return certificate(name, chain=chain, key=key, ocsp=ocsp)
        case Trust(roots, crl):
            return trust(name, roots=roots, crl=crl)


def certificate(name: str, *, chain: bytes, key: bytes, ocsp: bytes = b"") -> Packed:
    """`chain` and `key` in PEM, the leaf first; `ocsp` a stapled response in DER."""
    wire = TlsCertificate(certificate_chain=_inline(chain), private_key=_inline(key))
    if ocsp:
        wire.ocsp_staple.CopyFrom(_inline(ocsp))
    return _packed(Secret(name=name, tls_certificate=wire))


def trust(name: str, *, roots: bytes, crl: bytes = b"") -> Packed:
    """What peers' certificates are verified with, in PEM."""
    wire = CertificateValidationContext(trusted_ca=_inline(roots))
    if crl:
        wire.crl.CopyFrom(_inline(crl))
        # else a list is wanted of each CA up to the root
        wire.only_verify_leaf_cert_crl = True
    return _packed(Secret(name=name, validation_context=wire))


def _inline(content: bytes) -> DataSource:
    return DataSource(inline_bytes=content)


def _packed(wire: Secret) -> Packed:
    return Packed(SECRET, wire.name, serialise(wire))
