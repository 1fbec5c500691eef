"""What is wrong with a certificate, its chain and its key, each fault with cause and remedy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sds.faults import Fault, Severity, describe
from sds.identity import IdentityError, of_certificate
from sds.paths import issued, may_sign, path, too_deep
from sds.secrets import (
    Bundle,
    SecretError,
    load_revocations,
    matches,
    read_certificates,
    read_key,
)

_SKEW: Final = timedelta(seconds=60)
_RSA_BITS: Final = 2048
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_WEAK: Final = frozenset({"md5", "sha1"})


class Purpose(StrEnum):
    """What a certificate is for."""

    WORKLOAD = "workload"  # mutual TLS in the mesh: a SPIFFE id, client and server
    SERVER = "server"  # a gateway or a control plane: DNS names or addresses
    CLIENT = "client"

    @property
    def uses(self) -> tuple[tuple[str, x509.ObjectIdentifier], ...]:
        server = ("serverAuth", ExtendedKeyUsageOID.SERVER_AUTH)
        client = ("clientAuth", ExtendedKeyUsageOID.CLIENT_AUTH)
        match self:
            case Purpose.SERVER:
                return (server,)
            case Purpose.CLIENT:
                return (client,)
            case Purpose.WORKLOAD:
                return (server, client)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known: whole is the path from the leaf to a root, or the leaf alone."""

    leaf: x509.Certificate
    rest: tuple[x509.Certificate, ...]
    whole: tuple[x509.Certificate, ...]
    roots: Bundle
    now: datetime
    skew: timedelta


def examine(
    chain_pem: bytes,
    *,
    roots: Bundle,
    key: bytes | None = None,
    now: datetime,
    skew: timedelta = _SKEW,
    trust_domains: Iterable[str] = (),
    purpose: Purpose = Purpose.WORKLOAD,
) -> tuple[Fault, ...]:
    """All faults, errors first; empty where peers that trust `roots` accept the chain (PEM, leaf
    first, intermediates in any order). Without `trust_domains` any will do."""
    try:
        certificates = read_certificates(chain_pem)
    except SecretError as error:
        return (_error("Unreadable", "the file", str(error), "give a file of PEM certificates"),)
    leaf = next((one for one in certificates if may_sign(one)), certificates[0])
    rest = tuple(one for one in certificates if one is not leaf)
    whole = path(leaf, rest, roots.certificates)
    case = _Case(leaf, rest, whole or (leaf,), roots, now, skew)
    found = [
        *_order(case, certificates),
        *_key(case, key),
        *(_chain(case) if whole else _no_chain(case)),
        *_times(case),
        *_usage(case, purpose),
        *_names(case, purpose, frozenset(trust_domains)),
        *_strength(case),
        *_revocation(case),
    ]
    return tuple(sorted(found, key=lambda fault: fault.severity is not Severity.ERROR))


def _error(reason: str, certificate: str, message: str, remedy: str) -> Fault:
    return Fault(Severity.ERROR, reason, certificate, message, remedy)


def _warning(reason: str, certificate: str, message: str, remedy: str) -> Fault:
    return Fault(Severity.WARNING, reason, certificate, message, remedy)


def _order(case: _Case, certificates: tuple[x509.Certificate, ...]) -> Iterator[Fault]:
    if certificates[0] is not case.leaf:
        yield _error(
            "LeafNotFirst",
            describe(case.leaf),
            f"it is certificate {certificates.index(case.leaf) + 1} of {len(certificates)}",
            "put it first: TLS presents the first certificate as the peer's own",
        )


def _key(case: _Case, key: bytes | None) -> Iterator[Fault]:
    if key is None:
        return
    try:
        private = read_key(key)
    except SecretError as error:
        yield _error(
            "KeyUnreadable", describe(case.leaf), str(error), "give its private key as PEM"
        )
        return
    if not matches(case.leaf, private):
        yield _error(
            "KeyMismatch",
            describe(case.leaf),
            "the private key is that of another certificate",
            "give the key that the certificate was requested with, or request a new one",
        )


def _no_chain(case: _Case) -> Iterator[Fault]:
    end = case.leaf
    for _ in case.rest:
        end = next((one for one in case.rest if one != end and issued(end, one)), end)
    if _weak(end):
        # what nobody verifies leads nowhere; _strength says so
        return
    issuer = end.issuer.rfc4514_string() or "(no name)"
    namesakes = [one for one in (*case.roots.certificates, *case.rest) if one.subject == end.issuer]
    if end.issuer == end.subject:
        yield _error(
            "SelfSigned",
            describe(end),
            "it is signed by itself, and is none of the roots",
            "have it signed by the mesh's CA, or trust it as a root",
        )
    elif namesakes:
        yield _error(
            "OtherKeyOfIssuer",
            describe(end),
            f"its issuer {issuer} is there, but with another key than the one that signed it",
            "give the root of the time when it was signed, or issue it anew",
        )
    else:
        yield _error(
            "IssuerMissing",
            describe(end),
            f"its issuer {issuer} is neither in the chain nor among the roots",
            "add the missing intermediate to the chain, or the root to the trusted ones",
        )


def _chain(case: _Case) -> Iterator[Fault]:
    for certificate in case.whole[1:]:
        reason = may_sign(certificate)
        if reason:
            yield _error(
                "IssuerNotCa",
                describe(certificate),
                f"it signed another certificate, but {reason}",
                "issue the CA's certificate anew with CA:TRUE and keyCertSign",
            )
    deep = too_deep(case.whole[1:])
    if deep is not None:
        yield _error(
            "PathTooLong",
            describe(deep),
            "its path length allows fewer CAs below it than there are",
            "sign with a CA nearer to the root, or raise pathlen",
        )
    for certificate in case.whole[1:]:
        if certificate.not_valid_after_utc < case.leaf.not_valid_after_utc:
            yield _warning(
                "OutlivesIssuer",
                describe(certificate),
                f"it ends at {certificate.not_valid_after_utc:%FT%TZ}, before what it signed",
                "rotate it before then",
            )


def _times(case: _Case) -> Iterator[Fault]:
    for certificate in case.whole:
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        name = describe(certificate)
        if case.now >= end:
            yield _error(
                "Expired",
                name,
                f"it expired at {end:%FT%TZ}; now is {case.now:%FT%TZ}",
                "issue it anew; if it should have been renewed, look why the CA did not answer",
            )
        elif case.now + case.skew >= end:
            yield _warning(
                "ExpiresSoon",
                name,
                f"it expires at {end:%FT%TZ}: for peers whose clock is fast it has expired",
                "renew it earlier, at half of its lifetime",
            )
        if case.now + case.skew < start:
            yield _error(
                "NotYetValid",
                name,
                f"it is not valid before {start:%FT%TZ}; now is {case.now:%FT%TZ}",
                "set the clocks right: that of the CA, or of this machine",
            )
        elif case.now < start:
            yield _warning(
                "ClockSkew",
                name,
                f"it is valid from {start:%FT%TZ}, which is yet to come here",
                "set the clocks right; a CA should backdate what it signs by two minutes",
            )


def _usage(case: _Case, purpose: Purpose) -> Iterator[Fault]:
    name, extensions = describe(case.leaf), case.leaf.extensions
    found = {extension.oid: extension.value for extension in extensions}
    usage = found.get(x509.KeyUsage.oid)
    extended = found.get(x509.ExtendedKeyUsage.oid)
    if not may_sign(case.leaf):
        yield _error(
            "LeafIsCa", name, "it is a CA's certificate", "give the workload one of its own"
        )
    if isinstance(usage, x509.KeyUsage):
        if not usage.digital_signature:
            yield _error(
                "KeyUsage",
                name,
                "its key usage lacks digitalSignature, which TLS needs",
                "issue it anew with digitalSignature",
            )
        if purpose is Purpose.WORKLOAD and (usage.key_cert_sign or usage.crl_sign):
            yield _error(
                "KeyUsage",
                name,
                "its key usage has keyCertSign or cRLSign, which SPIFFE forbids for workloads",
                "issue it anew without them",
            )
    if isinstance(extended, x509.ExtendedKeyUsage):
        missing = [use for use, oid in purpose.uses if oid not in extended]
        if missing:
            yield _error(
                "ExtendedKeyUsage",
                name,
                f"its extended key usage lacks {', '.join(missing)}",
                f"issue it anew with {', '.join(use for use, _ in purpose.uses)}",
            )


def _names(case: _Case, purpose: Purpose, trust_domains: frozenset[str]) -> Iterator[Fault]:
    name = describe(case.leaf)
    if purpose is Purpose.SERVER:
        try:
            case.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            yield _error(
                "NoNames",
                name,
                "it has no subject alternative name; the common name counts for nobody",
                "issue it anew with its DNS names",
            )
    if purpose is not Purpose.WORKLOAD:
        return
    try:
        identity = of_certificate(case.leaf)
    except IdentityError as error:
        yield _error(
            "NotSpiffe",
            name,
            str(error),
            "issue it anew with one URI, spiffe://<trust domain>/ns/<ns>/sa/<service account>",
        )
        return
    known = ", ".join(sorted(trust_domains))
    if trust_domains and identity.trust_domain not in trust_domains:
        yield _error(
            "TrustDomain",
            name,
            f"its trust domain {identity.trust_domain} is none of {known}",
            "issue it in the mesh's trust domain, or add its own to the aliases",
        )


def _strength(case: _Case) -> Iterator[Fault]:
    for certificate in case.whole:
        match certificate.public_key():
            case rsa.RSAPublicKey() as key if key.key_size < _RSA_BITS:
                what = f"RSA of {key.key_size} bits"
            case ec.EllipticCurvePublicKey() as key if key.curve.name not in _CURVES:
                what = f"on curve {key.curve.name}"
            case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
                continue
            case key:
                what = f"neither RSA nor ECDSA but {type(key).__name__}"
        yield _error(
            "WeakKey",
            describe(certificate),
            f"its key is {what}, which proxies refuse",
            "use P-256, or RSA of 2048 bits or more",
        )
    # of those, too, to which no signature leads because it is weak
    for certificate in dict.fromkeys((*case.whole, *case.rest)):
        # nobody verifies the signature of a root
        if certificate in case.roots.certificates or not _weak(certificate):
            continue
        yield _error(
            "WeakSignature",
            describe(certificate),
            "it is signed with MD5 or SHA-1, which proxies refuse",
            "have it signed again with SHA-256",
        )


def _weak(certificate: x509.Certificate) -> bool:
    digest = certificate.signature_hash_algorithm
    return digest is not None and digest.name in _WEAK


def _revocation(case: _Case) -> Iterator[Fault]:
    lists = load_revocations(case.roots.revocations)
    for certificate, issuer in zip(case.whole, case.whole[1:], strict=False):
        for crl in lists:
            if crl.issuer != issuer.subject or not _signed(crl, issuer):
                continue
            end = crl.next_update_utc
            if end is not None and end <= case.now:
                yield _warning(
                    "CrlOutdated",
                    describe(issuer),
                    f"its list of revoked certificates should have been renewed at {end:%FT%TZ}",
                    "put a current CRL in its place: proxies may refuse everything until then",
                )
            entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None:
                yield _error(
                    "Revoked",
                    describe(certificate),
                    f"its issuer revoked it at {entry.revocation_date_utc:%FT%TZ}",
                    "issue a new one with a new key",
                )


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return False
    return crl.is_signature_valid(key)
