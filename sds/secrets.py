"""Trust bundles and key pairs as values. A private key never shows in a repr or a message."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sds.identity import SpiffeId, of_certificate
from sds.template import PrivateKey

_PEM: Final = serialization.Encoding.PEM
# what Envoy's BoringSSL takes
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_RSA_BITS: Final = 2048


class SecretError(ValueError):
    """Why certificates or a key cannot be used, for people; never holds the key."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Trust anchors, each once, the oldest first; `revocations` is CRLs as PEM, or empty."""

    certificates: tuple[x509.Certificate, ...] = ()
    revocations: bytes = b""
    pem: bytes = field(init=False, repr=False, compare=False)
    fingerprints: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # the same anchors are the same bytes, whatever order they were found in
        each = {fingerprint(certificate): certificate for certificate in self.certificates}
        ordered = sorted(each, key=lambda name: (each[name].not_valid_before_utc, name))
        object.__setattr__(self, "certificates", tuple(each[name] for name in ordered))
        object.__setattr__(self, "fingerprints", tuple(ordered))
        object.__setattr__(self, "pem", encode(self.certificates))


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain, leaf first, with the leaf's private key, both PEM."""

    chain: bytes
    key: bytes = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain)

    @property
    def not_after(self) -> datetime:
        return self.leaf.not_valid_after_utc

    @property
    def identity(self) -> SpiffeId:
        """Raises IdentityError where the leaf names no workload."""
        return of_certificate(self.leaf)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def encode(certificates: tuple[x509.Certificate, ...]) -> bytes:
    """PEM; each block ends with a newline."""
    return b"".join(certificate.public_bytes(_PEM) for certificate in certificates)


def encode_key(key: PrivateKey) -> bytes:
    """PKCS #8, PEM, not encrypted."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of `pem`, at least one; raises SecretError."""
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise SecretError("there is no certificate (PEM) in it")
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in found:
            # what cannot be read in full is better refused here than by a proxy
            _ = certificate.extensions, certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise SecretError(f"a certificate cannot be read: {error}") from None
    return found


def read_key(pem: bytes) -> PrivateKey:
    """A private key (PEM) that proxies can use; raises SecretError."""
    if b"PRIVATE KEY-----" not in pem:
        raise SecretError("there is no private key (PEM) in it")
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise SecretError("the private key is encrypted: decrypt it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SecretError("the private key cannot be read") from None
    match key:
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPrivateKey() if key.key_size >= _RSA_BITS:
            return key
        case ec.EllipticCurvePrivateKey():
            raise SecretError(f"the private key is on curve {key.curve.name}: use P-256")
        case rsa.RSAPrivateKey():
            raise SecretError(f"the private key has {key.key_size} bits: use {_RSA_BITS} or more")
        case _:
            raise SecretError("the private key is neither ECDSA nor RSA")


def read_keypair(certificate_pem: bytes, key_pem: bytes) -> KeyPair:
    """A chain, leaf first, and the key of the leaf; raises SecretError with the cause. What stands
    between the blocks is left out: a chain file may hold anything, even a key."""
    certificates = read_certificates(certificate_pem)
    key = read_key(key_pem)
    place = next((n for n, one in enumerate(certificates, 1) if matches(one, key)), 0)
    if place == 0:
        raise SecretError("the private key does not belong to the certificate")
    if place > 1:
        raise SecretError(
            f"the private key belongs to certificate {place} of {len(certificates)}: "
            "the leaf must be the first"
        )
    return KeyPair(encode(certificates), encode_key(key))


def read_bundle(pem: bytes, revocations: bytes = b"") -> Bundle:
    """Trust anchors and, where present, CRLs (PEM); raises SecretError."""
    return Bundle(read_certificates(pem), read_revocations(revocations))


def read_revocations(pem: bytes) -> bytes:
    """CRLs (PEM), as they were; raises SecretError unless all can be read."""
    load_revocations(pem)
    return pem


def load_revocations(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """The CRLs of `pem`; none where it is empty; raises SecretError."""
    end = b"-----END X509 CRL-----"
    blocks = [block + end + b"\n" for block in pem.split(end)[:-1]]
    if pem.strip() and not blocks:
        raise SecretError("there is no CRL (PEM) in it")
    try:
        return tuple(x509.load_pem_x509_crl(block) for block in blocks)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SecretError(f"a CRL cannot be read: {error}") from None


def matches(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether `key` is the private key of `certificate`."""
    return bool(certificate.public_key() == key.public_key())
