"""What a certificate will say: requests are read, lifetimes bounded, leaves built. Nothing of a
request but its key counts: names, subject and extensions in it are ignored."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sds.identity import SpiffeId

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Address = IPv4Address | IPv6Address

# a request with an RSA key of 8192 bits has 4 kB; verifying larger keys would be our work
_LARGEST: Final = 16 * 1024
_RSA_BITS: Final = range(2048, 8193)
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)

KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
EXTENDED_KEY_USAGE: Final = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)
_NO_CA: Final = x509.BasicConstraints(ca=False, path_length=None)
_NOBODY: Final = x509.Name([])


class CsrError(ValueError):
    """A request that is not signed; the text is istiod's."""


class TtlError(ValueError):
    """A lifetime that is not granted; the text is istiod's."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long leaves last; Istio's defaults."""

    default: timedelta = timedelta(hours=24)
    maximum: timedelta = timedelta(days=90)
    backdate: timedelta = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Validity:
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Template:
    """A leaf to be signed.

    serial  128 random bits
    csr     the request (PEM) that proves possession of the key: what a signer elsewhere needs
    held    whether the key is held by a client that learns whom to trust only with its next
            certificate, and not over an open stream
    """

    identity: SpiffeId
    public_key: PublicKey
    validity: Validity
    serial: int
    dns_names: tuple[str, ...] = ()
    ips: tuple[Address, ...] = ()
    csr: str = ""
    held: bool = False

    def names(self) -> x509.SubjectAlternativeName:
        return _names(self.identity, self.dns_names, self.ips)


def request(pem: str) -> PublicKey:
    """The key of a certificate signing request whose signature is good; raises CsrError."""
    csr = _parsed(pem)
    try:
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise CsrError("failed to parse X.509 certificate signing request") from None
    accepted = acceptable(key)
    try:
        valid = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        valid = False
    if not valid:
        rsa_key = isinstance(accepted, rsa.RSAPublicKey)
        raise CsrError(
            "crypto/rsa: verification error" if rsa_key else "x509: ECDSA verification failure"
        )
    return accepted


def acceptable(key: object) -> PublicKey:
    """`key` if it is strong enough to be certified: P-256, P-384, RSA of 2048 to 8192 bits."""
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in ("secp256r1", "secp384r1"):
            return key
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS:
            return key
        case ec.EllipticCurvePublicKey():
            what = f"ECDSA key on curve {key.curve.name}"
        case rsa.RSAPublicKey():
            what = f"RSA key of {key.key_size} bits"
        case _:
            what = type(key).__name__.removesuffix("PublicKey") + " key"
    raise CsrError(f"unsupported {what}: use P-256, P-384, or RSA of 2048 to 8192 bits")


def validity(
    seconds: int, *, now: datetime, lifetimes: Lifetimes, signer_end: datetime
) -> Validity:
    """From `backdate` ago until `seconds` from now (0 or negative: the default), but not longer
    than the signer; raises TtlError."""
    maximum = int(lifetimes.maximum.total_seconds())
    if seconds > maximum:
        raise TtlError(
            f"requested TTL {go_duration(seconds)} is greater than the max allowed TTL "
            f"{go_duration(maximum)}"
        )
    now = now.replace(microsecond=0)
    if signer_end <= now:
        raise TtlError(f"the signing certificate has expired: it ended at {signer_end:%FT%TZ}")
    length = timedelta(seconds=seconds) if seconds > 0 else lifetimes.default
    return Validity(now - lifetimes.backdate, min(now + length, signer_end))


def leaf(template: Template, *, issuer: x509.Certificate, key: PrivateKey) -> x509.Certificate:
    """The certificate of `template`, signed by `key`, which is the key of `issuer`."""
    return (
        _begun(issuer)
        .public_key(template.public_key)
        .serial_number(template.serial)
        .not_valid_before(template.validity.not_before)
        .not_valid_after(template.validity.not_after)
        # critical, since the subject is empty (RFC 5280, 4.2.1.6)
        .add_extension(template.names(), critical=True)
        .sign(key, digest(key))
    )


@lru_cache(maxsize=16)
def _begun(issuer: x509.Certificate) -> x509.CertificateBuilder:
    """What all leaves of `issuer` have in common."""
    return (
        x509.CertificateBuilder()
        .subject_name(_NOBODY)
        .issuer_name(issuer.subject)
        .add_extension(KEY_USAGE, critical=True)
        .add_extension(EXTENDED_KEY_USAGE, critical=False)
        .add_extension(_NO_CA, critical=True)
        .add_extension(authority_key(issuer), critical=False)
    )


def digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """The hash that `key` signs with: as strong as its curve."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size >= 384:
        return hashes.SHA384()
    return hashes.SHA256()


@lru_cache(maxsize=16)
def authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """What leaves of `issuer` say about its key: its own identifier, where it has one."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = issuer.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise CsrError("the signing certificate's key is neither ECDSA nor RSA") from None
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def go_duration(seconds: int) -> str:
    """Whole seconds as Go prints a duration: 2160h0m0s, 1m30s, 45s."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


@lru_cache(maxsize=4096)
def _names(
    identity: SpiffeId, dns_names: tuple[str, ...], ips: tuple[Address, ...]
) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier(str(identity)),
            *(x509.DNSName(name) for name in dns_names),
            *(x509.IPAddress(address) for address in ips),
        ]
    )


def _parsed(pem: str) -> x509.CertificateSigningRequest:
    block = _BLOCK.search(pem) if len(pem) <= _LARGEST else None
    if block is None:
        raise CsrError("certificate signing request is not properly encoded")
    try:
        der = base64.b64decode("".join(block[2].split()), validate=True)
    except binascii.Error:
        raise CsrError("certificate signing request is not properly encoded") from None
    try:
        return x509.load_der_x509_csr(der)
    except ValueError:
        raise CsrError("failed to parse X.509 certificate signing request") from None
