"""What the tests here are made of: a stepped clock, requests, and certificates with any fault."""

import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sds.ca.selfsigned import Kind, SelfSigned
from sds.rotation import RotatingAuthority
from sds.secrets import encode, encode_key
from sds.template import PrivateKey, PublicKey

START = datetime(2026, 1, 1, tzinfo=UTC)
PEM = serialization.Encoding.PEM


@dataclass
class Clock:
    """Stands still until it is stepped."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def step(self, **spans: float) -> datetime:
        self.now += timedelta(**spans)
        return self.now


@dataclass
class Randomness:
    """Repeatable bytes."""

    source: random.Random = field(default_factory=lambda: random.Random(7))

    def __call__(self, count: int) -> bytes:
        return self.source.randbytes(count)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)] if text else [])


def csr(
    key: PrivateKey | None = None,
    *,
    uris: tuple[str, ...] = (),
    common_name: str = "",
) -> str:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder(x509.Name(subject))
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key or p256(), hashes.SHA256()).public_bytes(PEM).decode()


@dataclass
class Ca:
    """Any CA, and what it signs with extensions of one's choice."""

    subject: str = "Root"
    parent: "Ca | None" = None
    path_length: int | None = None
    start: datetime = START - timedelta(days=1)
    end: datetime = START + timedelta(days=3650)
    is_ca: bool = True
    key: PrivateKey = field(default_factory=p256)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.parent or self
        issuer = self.parent.certificate.subject if self.parent else name(self.subject)
        basic = x509.BasicConstraints(self.is_ca, self.path_length if self.is_ca else None)
        self.certificate = (
            _builder(self.subject, self.key.public_key(), (self.start, self.end))
            .issuer_name(issuer)
            .add_extension(basic, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return encode((self.certificate,))

    @property
    def key_pem(self) -> bytes:
        return encode_key(self.key)

    def leaf(
        self,
        *extensions: x509.ExtensionType,
        key: PrivateKey | None = None,
        subject: str = "",
        start: datetime = START - timedelta(minutes=2),
        end: datetime = START + timedelta(hours=24),
    ) -> x509.Certificate:
        builder = _builder(subject, (key or p256()).public_key(), (start, end))
        builder = builder.issuer_name(self.certificate.subject)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revokes(self, serial: int, *, until: datetime = START + timedelta(days=30)) -> bytes:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(START - timedelta(hours=1))
            .build()
        )
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(START - timedelta(days=1))
            .next_update(until)
            .add_revoked_certificate(entry)
            .sign(self.key, hashes.SHA256())
            .public_bytes(PEM)
        )


def workload_names(uri: str = "spiffe://cluster.local/ns/shop/sa/cart") -> x509.ExtensionType:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


def authority(clock: Clock, *, rsa_root: bool = False) -> RotatingAuthority:
    """A self-signed one that lives in memory."""
    kind = Kind("cluster.local", rsa=rsa_root)
    source = SelfSigned(kind, state=None, clock=clock, random=Randomness())
    return RotatingAuthority(source, state=None, clock=clock, random=os.urandom)


def _builder(
    subject: str, key: PublicKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
