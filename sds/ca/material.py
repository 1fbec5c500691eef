"""A signing key with all that goes with it, checked as a whole."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509

from sds.paths import may_sign, path, too_deep
from sds.secrets import (
    SecretError,
    fingerprint,
    matches,
    read_certificates,
    read_key,
    read_revocations,
)
from sds.template import PrivateKey


class MaterialError(ValueError):
    """Why signing material cannot be used, for operators; never holds the key."""


@dataclass(frozen=True, slots=True)
class Material:
    """chain: the signing certificate and what stands above it, without the root; empty where the
    root itself signs. end: what it signs is worth nothing after it."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    crl: bytes = b""
    fingerprint: str = field(init=False)
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        whole = path(self.certificate, self.chain, self.roots)
        end = min(certificate.not_valid_after_utc for certificate in whole)
        object.__setattr__(self, "fingerprint", fingerprint(self.certificate))
        object.__setattr__(self, "end", end)


@dataclass(frozen=True, slots=True)
class Reload:
    """Whether there is something new; `problem` says why what was found is not used."""

    changed: bool
    problem: str = ""


class Source(Protocol):
    """Where signing material comes from."""

    @property
    def material(self) -> Material:
        """The newest good one."""
        ...

    def reload(self) -> Reload: ...

    def create(self, now: datetime) -> Material | None:
        """New material, kept, which becomes `material`; None where that is somebody else's
        business. Raises OSError."""
        ...

    def recall(self, name: str) -> Material | None:
        """Material by its fingerprint, as long as its key is there."""
        ...

    def forget(self, keep: frozenset[str]) -> None:
        """Remove the keys of all material but that of these fingerprints. Raises OSError."""
        ...


def assemble(
    certificate: bytes,
    key: bytes,
    *,
    chain: bytes = b"",
    roots: bytes,
    crl: bytes = b"",
    now: datetime | None,
) -> Material:
    """Material of PEM texts; raises MaterialError, which names what is wrong and where. Without
    `now`, nothing is said about what has expired."""
    signer, *more = _read("the signing certificate", certificate)
    anchors = _read("the root", roots)
    pool = (*more, *(_read("the chain", chain) if chain.strip() else ()))
    try:
        signing_key = read_key(key)
    except SecretError as error:
        raise MaterialError(f"the signing key: {error}") from None
    if not matches(signer, signing_key):
        raise MaterialError("the signing key does not belong to the signing certificate")
    whole = path(signer, pool, anchors)
    if not whole:
        raise MaterialError(
            f"no chain leads from the signing certificate ({name_of(signer)}) to a root "
            f"({', '.join(name_of(root) for root in anchors)})"
        )
    for certificate_ in whole:
        _check(certificate_, now)
    deep = too_deep(whole)
    if deep is not None:
        raise MaterialError(f"{name_of(deep)} allows fewer CAs below it than there are")
    try:
        revocations = read_revocations(crl)
    except SecretError as error:
        raise MaterialError(str(error)) from None
    return Material(signer, signing_key, whole[:-1], anchors, revocations)


def name_of(certificate: x509.Certificate) -> str:
    """A CA for people: its subject, or what of it is unique."""
    return certificate.subject.rfc4514_string() or fingerprint(certificate)[:16]


def _read(what: str, pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return read_certificates(pem)
    except SecretError as error:
        raise MaterialError(f"{what}: {error}") from None


def _check(certificate: x509.Certificate, now: datetime | None) -> None:
    reason = may_sign(certificate)
    if reason:
        raise MaterialError(f"{name_of(certificate)} may not sign: {reason}")
    if now is None:
        return
    if certificate.not_valid_after_utc <= now:
        raise MaterialError(
            f"{name_of(certificate)} expired at {certificate.not_valid_after_utc:%FT%TZ}"
        )
    if certificate.not_valid_before_utc > now:
        raise MaterialError(
            f"{name_of(certificate)} is not valid before {certificate.not_valid_before_utc:%FT%TZ}"
        )
