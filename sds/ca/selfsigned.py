"""A root of our own, made on first start and kept in `<state>/ca/`; without a state directory it
lives as long as the process. Roots are numbered: the newest is that of the highest number."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sds.ca.files import private_directory, replace, sync_directory
from sds.ca.material import Material, Reload, assemble
from sds.secrets import encode, encode_key
from sds.template import PrivateKey, digest

_CERTIFICATE: Final = re.compile(r"root-(\d+)\.pem")
_YEARS: Final = timedelta(days=3650)
_BACKDATE: Final = timedelta(seconds=120)
_USAGE: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a new root is: RSA 2048 as Istio's, or P-256, with which signing is cheaper."""

    organisation: str
    rsa: bool = False
    lifetime: timedelta = _YEARS


class SelfSigned:
    """A source of material that makes its own. Raises MaterialError where what is kept cannot be
    read: a root is never silently replaced; OSError where it cannot be kept."""

    def __init__(
        self,
        kind: Kind,
        *,
        state: Path | None,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._kind = kind
        self._random = random
        self._directory = state / "ca" if state is not None else None
        self._held: dict[int, Material] = {}
        if self._directory is not None:
            private_directory(self._directory)
            self._held = _kept(self._directory)
        if not self._held:
            self.create(clock())

    @property
    def material(self) -> Material:
        return self._held[max(self._held)]

    def reload(self) -> Reload:
        return Reload(changed=False)

    def create(self, now: datetime) -> Material:
        number = max(self._held, default=0) + 1
        serial = int.from_bytes(self._random(16), "big") or 1
        material = make_root(self._kind, now=now, serial=serial)
        if self._directory is not None:
            # the key first: a certificate stands for both
            replace(_key(self._directory, number), encode_key(material.key))
            replace(self._directory / f"root-{number}.pem", encode((material.certificate,)))
        self._held[number] = material
        return material

    def recall(self, name: str) -> Material | None:
        return next((one for one in self._held.values() if one.fingerprint == name), None)

    def forget(self, keep: frozenset[str]) -> None:
        newest = max(self._held)
        for number, material in list(self._held.items()):
            if number == newest or material.fingerprint in keep:
                continue
            if self._directory is not None:
                (self._directory / f"root-{number}.pem").unlink(missing_ok=True)
                _key(self._directory, number).unlink(missing_ok=True)
                sync_directory(self._directory)
            del self._held[number]


def make_root(kind: Kind, *, now: datetime, serial: int) -> Material:
    """A new key and its certificate by itself."""
    key: PrivateKey
    if kind.rsa:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, kind.organisation)])
    start = now.replace(microsecond=0)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start - _BACKDATE)
        .not_valid_after(start + kind.lifetime)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(own, critical=False)
        # two roots of one name are told apart by it
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
        )
        .sign(key, digest(key))
    )
    return Material(certificate, key, (), (certificate,))


def _kept(directory: Path) -> dict[int, Material]:
    found = {}
    for path in directory.iterdir():
        named = _CERTIFICATE.fullmatch(path.name)
        if named is None:
            continue
        number = int(named[1])
        certificate, key = path.read_bytes(), _key(directory, number).read_bytes()
        # one that has expired is there all the same: it is rotated, not made anew
        found[number] = assemble(certificate, key, roots=certificate, now=None)
    return found


def _key(directory: Path, number: int) -> Path:
    return directory / f"root-{number}-key.pem"
