"""Whether certificates, keys and lists are what they are said to be, and what Envoy would take.

Nothing here puts a value into what it says: a key may stand where a certificate should.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp

from controlplane.kinds.problems import Problem

_WRONG: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_LEAST_RSA: Final = 2048  # Envoy refuses shorter ones
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_CRL: Final = b"-----BEGIN X509 CRL-----"


def check_pair(certificate: bytes, key: bytes) -> tuple[datetime | None, tuple[Problem, ...]]:
    """When the first certificate of the chain expires, and what is wrong, at ("certificate",) or
    ("key",)."""
    chain = _certificates(certificate)
    if not chain:
        return None, (
            Problem(
                ("certificate",),
                "BadCertificate",
                "this is no certificate in PEM",
                "write the certificate, and behind it those that signed it",
            ),
        )
    expires = min(one.not_valid_after_utc for one in chain)
    return expires, tuple(_check_key(chain[0], key))


def _check_key(leaf: x509.Certificate, key: bytes) -> Iterator[Problem]:
    try:
        private = load_pem_private_key(key, None)
    except _WRONG:
        yield Problem(
            ("key",),
            "BadKey",
            "this is no private key in PEM, or it needs a password",
            "write the key as it is, not encrypted",
        )
        return
    try:
        public = leaf.public_key()
    except _WRONG:
        yield Problem(
            ("certificate",),
            "BadCertificate",
            "its key is of a kind that nobody knows here",
            "use RSA or ECDSA",
        )
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        yield Problem(
            ("key",),
            "KeyMismatch",
            "the key is not that of the certificate",
            "write the key that the certificate was asked for with; the certificate of the "
            "server comes first in the chain",
        )
        return
    match public:
        case RSAPublicKey() if public.key_size < _LEAST_RSA:
            why = f"the RSA key has {public.key_size} bits, and Envoy wants {_LEAST_RSA}"
        case EllipticCurvePublicKey() if public.curve.name not in _CURVES:
            why = f"Envoy does not take the curve {public.curve.name}"
        case RSAPublicKey() | EllipticCurvePublicKey():
            return
        case _:
            why = "Envoy takes RSA and ECDSA keys only"
    yield Problem(("key",), "WeakKey", why, "use RSA with 2048 bits, or ECDSA with P-256")


def check_roots(roots: bytes, lists: bytes) -> Iterator[Problem]:
    """What is wrong with certificates to trust, at ("ca",), and revocation lists, at ("crl",)."""
    if not _certificates(roots):
        yield Problem(
            ("ca",),
            "BadCertificate",
            "these are no certificates in PEM",
            "write the certificates of those who may sign",
        )
    if lists and not _is_lists(lists):
        yield Problem(
            ("crl",),
            "BadRevocationList",
            "this is no list of revoked certificates in PEM",
            "write the list as the CA gave it",
        )


def check_staple(staple: bytes) -> Iterator[Problem]:
    try:
        ocsp.load_der_ocsp_response(staple)
    except _WRONG:
        yield Problem(
            ("ocsp",),
            "BadStaple",
            "this is no OCSP response in DER",
            "write the response as the responder gave it",
        )


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except _WRONG:
        return []


def _is_lists(pem: bytes) -> bool:
    """Whether `pem` is one list or several; the parser reads the first of a text only."""
    first, *rest = pem.split(_CRL)
    try:
        for one in rest:
            x509.load_pem_x509_crl(_CRL + one)
    except _WRONG:
        return False
    return bool(rest) and not first.strip()
