"""Who is calling: by a client certificate that TLS has verified, or by a bearer token. What is
wrong with an evidence is for the log; the caller learns only that it is not accepted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from cryptography import x509

from sds.identity import IdentityError, SpiffeId, of_certificate
from sds.tokens import LocalTokens, TokenError

__all__ = [
    "Attestor",
    "CertificateAttestor",
    "Evidence",
    "LocalTokens",
    "NotAttested",
    "TokenAttestor",
    "first",
]

_BEARER: Final = "bearer "


class NotAttested(Exception):  # noqa: N818
    """Why an evidence is not accepted. For the log, never for the caller."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a caller shows. metadata: gRPC's, keys in lower case; certificate: the leaf (DER) of a
    chain that TLS has verified against the mesh's roots."""

    metadata: Mapping[str, str]
    certificate: bytes | None = None

    def __repr__(self) -> str:
        # tokens are in the metadata
        return f"Evidence({sorted(self.metadata)}, certificate={self.certificate is not None})"


class Attestor(Protocol):
    async def attest(self, evidence: Evidence) -> SpiffeId | None:
        """Who it is; None where the evidence holds nothing of this kind. Raises NotAttested."""
        ...


class CertificateAttestor:
    """By the URI of the client's certificate; its trust domain is the mesh's, or an alias."""

    def __init__(self, trust_domains: Iterable[str], *, clock: Callable[[], datetime]) -> None:
        self._trust_domains = frozenset(name.replace("@", ".") for name in trust_domains)
        self._clock = clock

    async def attest(self, evidence: Evidence) -> SpiffeId | None:
        if evidence.certificate is None:
            return None
        try:
            certificate = x509.load_der_x509_certificate(evidence.certificate)
            identity = of_certificate(certificate)
        except (ValueError, IdentityError) as error:
            raise NotAttested(f"client certificate: {error}") from None
        if identity.trust_domain not in self._trust_domains:
            raise NotAttested(f"client certificate: {identity} is not of this mesh")
        # TLS looked at it when the connection was opened; a connection may outlive it
        if certificate.not_valid_after_utc <= self._clock():
            raise NotAttested(f"client certificate: that of {identity} has expired")
        return identity


class TokenAttestor:
    """By a bearer token of the local issuer."""

    def __init__(
        self, tokens: LocalTokens, *, trust_domain: str, clock: Callable[[], datetime]
    ) -> None:
        self._tokens = tokens
        self._trust_domain = trust_domain
        self._clock = clock

    async def attest(self, evidence: Evidence) -> SpiffeId | None:
        header = evidence.metadata.get("authorization")
        if header is None:
            return None
        if header[: len(_BEARER)].lower() != _BEARER:
            raise NotAttested("token: the authorization is not of type Bearer")
        try:
            names = self._tokens.verify(header[len(_BEARER) :].strip(), self._clock())
            return SpiffeId(self._trust_domain, *names)
        except (TokenError, IdentityError) as error:
            raise NotAttested(f"token: {error}") from None


async def first(attestors: Iterable[Attestor], evidence: Evidence) -> SpiffeId:
    """The first identity that is proven, certificates before tokens by their order: a good
    certificate wins over a bad token, and the other way round. Raises NotAttested with all
    reasons."""
    reasons = []
    for attestor in attestors:
        try:
            identity = await attestor.attest(evidence)
        except NotAttested as error:
            reasons.append(str(error))
            continue
        if identity is not None:
            return identity
    raise NotAttested("; ".join(reasons) or "neither a client certificate nor a token")
