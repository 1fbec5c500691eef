"""Certificates and keys that are good for tests: a CA, what it signs, and Secrets of them."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.fakes import shop

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
UNTIL = datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes


@cache
def authority(name: str = "ca") -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _signed(name, key, key, name, ca=True), key


def roots(name: str = "ca") -> bytes:
    return authority(name)[0].public_bytes(Encoding.PEM)


@cache
def pair(host: str = "a.example.com", ca: str = "ca") -> Pair:
    return pair_of(ec.generate_private_key(ec.SECP256R1()), host, ca)


def pair_of(key: PrivateKey, host: str = "a.example.com", ca: str = "ca") -> Pair:
    _, signer = authority(ca)
    certificate = _signed(host, key, signer, ca, ca=False)
    return Pair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def spki(pair: Pair) -> str:
    """What a verifyCertificateSpki has of the certificate's key."""
    key = x509.load_pem_x509_certificate(pair.certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(sha256(info).digest()).decode()


@cache
def revoked(ca: str = "ca") -> bytes:
    """A list of nobody."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=_name(ca), last_update=SINCE, next_update=UNTIL
    )
    return builder.sign(authority(ca)[1], SHA256()).public_bytes(Encoding.PEM)


def secret(name: str, values: dict[str, bytes], kind: str = "kubernetes.io/tls") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": shop.meta(name),
        "type": kind,
        "data": {key: b64encode(value).decode() for key, value in values.items()},
    }


def tls_secret(name: str, pair: Pair, **more: bytes) -> dict[str, Any]:
    """`more` are other keys, as in ca_crt=…."""
    others = {key.replace("_", "."): value for key, value in more.items()}
    return secret(name, {"tls.crt": pair.certificate, "tls.key": pair.key, **others})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(
    subject: str, key: PrivateKey, signer: ec.EllipticCurvePrivateKey, issuer: str, *, ca: bool
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL - timedelta(days=0 if ca else 1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        names = x509.SubjectAlternativeName([x509.DNSName(subject)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, SHA256())
