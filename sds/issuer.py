"""template -> sign -> check: certificates for those whose identity is proven. Who they are is the
caller's business; a certificate that does not keep its promise is never handed out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sds.ca.authority import Authority, AuthorityError
from sds.check import fulfils
from sds.identity import SpiffeId
from sds.limits import Limiter, Limits, RateLimited
from sds.secrets import Bundle, KeyPair, encode_key
from sds.template import (
    Address,
    CsrError,
    Lifetimes,
    Template,
    TtlError,
    Validity,
    authority_key,
    digest,
    request,
    validity,
)

__all__ = ["CANNOT", "Counters", "Issuer", "Limits", "RateLimited", "Refused", "SigningFailed"]

_PEM: Final = serialization.Encoding.PEM
_ISTIOD: Final = ("istio-system", "istiod")


class Refused(ValueError):  # noqa: N818
    """What is asked for is not signed: INVALID_ARGUMENT. The text is istiod's."""


class SigningFailed(Exception):  # noqa: N818
    """Nothing could be signed: worth another try. The text is for the caller, the cause for the
    log."""


# what keeps a certificate of our own from being made; trying again may help
CANNOT: Final = (Refused, SigningFailed)


@dataclass(slots=True)
class Counters:
    """Totals since the start, for istiod's metrics citadel_server_*."""

    csr_count: int = 0
    success: int = 0
    csr_parsing_err: int = 0
    csr_sign_err: int = 0
    rate_limited: int = 0
    made: int = 0


class Issuer:
    """`random` yields so many random bytes."""

    def __init__(
        self,
        authority: Authority,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        trust_domain: str,
        lifetimes: Lifetimes = Lifetimes(),
        limits: Limits = Limits(),
    ) -> None:
        self._authority = authority
        self._clock = clock
        self._random = random
        self._trust_domain = trust_domain
        self._lifetimes = lifetimes
        self._limiter = Limiter(limits)
        self.counters = Counters()

    async def sign_csr(self, identity: SpiffeId, csr_pem: str, seconds: int) -> tuple[str, ...]:
        """The chain for the key of a request: leaf, intermediates, last all roots; each a PEM text
        that ends with a newline. Raises Refused, RateLimited, SigningFailed."""
        counters = self.counters
        counters.csr_count += 1
        try:
            self._limiter.take(identity, self._clock())
        except RateLimited:
            counters.rate_limited += 1
            raise
        try:
            key = request(csr_pem)
            granted = self._validity(seconds)
        except CsrError as error:
            counters.csr_parsing_err += 1
            raise Refused(f"CSR signing error ({error})") from None
        except TtlError as error:
            counters.csr_sign_err += 1
            raise Refused(f"CSR signing error ({error})") from None
        template = Template(identity, key, granted, self._serial(), csr=csr_pem, held=True)
        certificate, chain = await self._signed(template)
        counters.success += 1
        return (
            certificate.public_bytes(_PEM).decode(),
            *(intermediate.decode() for intermediate in chain),
            self._authority.bundle.pem.decode(),
        )

    async def make(self, identity: SpiffeId, seconds: int = 0) -> KeyPair:
        """A key of its own with its certificate, for proxies whose keys we hold."""
        return await self._made(identity, seconds=seconds)

    async def server(self, dns_names: Iterable[str], ips: Iterable[str]) -> KeyPair:
        """What the control plane shows on its own port, to clients that may know an earlier root
        only. Raises ValueError for what is no address."""
        made = await self._made(
            SpiffeId(self._trust_domain, *_ISTIOD),
            dns_names=tuple(dns_names),
            ips=tuple(ip_address(ip) for ip in ips),
        )
        return KeyPair(made.chain + b"".join(self._authority.crossed), made.key)

    async def _made(
        self,
        identity: SpiffeId,
        *,
        seconds: int = 0,
        dns_names: tuple[str, ...] = (),
        ips: tuple[Address, ...] = (),
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            granted = self._validity(seconds)
        except TtlError as error:
            raise Refused(str(error)) from None
        template = Template(
            identity, key.public_key(), granted, self._serial(), dns_names=dns_names, ips=ips
        )
        template = replace(template, csr=_request(template, key))
        certificate, chain = await self._signed(template)
        self.counters.made += 1
        return KeyPair(certificate.public_bytes(_PEM) + b"".join(chain), encode_key(key))

    async def _signed(self, template: Template) -> tuple[x509.Certificate, tuple[bytes, ...]]:
        """The certificate and what stands above it, checked."""
        try:
            certificate = await self._authority.sign(template)
        except AuthorityError as error:
            self.counters.csr_sign_err += 1
            raise SigningFailed("CSR signing error (the CA cannot sign now)") from error
        # of one moment: nothing is awaited in between (Authority.sign)
        chain, bundle = self._authority.chain, self._authority.bundle
        signer = _signer(certificate, chain, bundle)
        broken = (
            fulfils(certificate, template, signer)
            if signer is not None
            else ("its signer is neither in the chain nor in the bundle",)
        )
        if broken:
            self.counters.csr_sign_err += 1
            raise SigningFailed(
                "CSR signing error (the CA's certificate is not what was asked for)"
            ) from AuthorityError("; ".join(broken))
        return certificate, chain

    def _validity(self, seconds: int) -> Validity:
        return validity(
            seconds,
            now=self._clock(),
            lifetimes=self._lifetimes,
            signer_end=self._authority.signer_end,
        )

    def _serial(self) -> int:
        return int.from_bytes(self._random(16), "big") or 1


def _request(template: Template, key: ec.EllipticCurvePrivateKey) -> str:
    """What a signer elsewhere goes by."""
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    request_ = builder.add_extension(template.names(), critical=True).sign(key, digest(key))
    return request_.public_bytes(_PEM).decode()


def _signer(
    certificate: x509.Certificate, chain: tuple[bytes, ...], bundle: Bundle
) -> x509.Certificate | None:
    """Who signed: the first of the chain, or else that root whose key is named."""
    if chain:
        return _loaded(chain[0])
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    identifier = named.key_identifier
    return next(
        (root for root in bundle.certificates if authority_key(root).key_identifier == identifier),
        None,
    )


@lru_cache(maxsize=16)
def _loaded(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)
