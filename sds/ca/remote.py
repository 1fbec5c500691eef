"""Another server signs: one that speaks istio.v1.auth.IstioCertificateService, or a bridge to it.

The other side sees a request and decides which identity the answer has. So this fits only remotes
that let us name identities (by the SAN of the request); an answer for anybody else than the
template's identity is refused. The request that proves possession of the key is passed on as it
is: nobody but the holder of the key could sign another.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from cryptography import x509

from sds.ca.authority import AuthorityError
from sds.check import fulfils
from sds.paths import path
from sds.secrets import Bundle, SecretError, encode, read_certificates
from sds.template import Template

Ask = Callable[[str, int], Awaitable[list[str]]]


class Remote:
    """An Authority. `ask` carries (request PEM, seconds) to the other server and brings back its
    chain: the leaf, intermediates, last the root; it raises AuthorityError or OSError."""

    def __init__(self, ask: Ask, *, trust: Bundle, clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._clock = clock
        self._bundle = trust
        self._chain: tuple[x509.Certificate, ...] = ()
        self._end = datetime.max.replace(tzinfo=UTC)
        self._callbacks: list[Callable[[], None]] = []

    @property
    def bundle(self) -> Bundle:
        return self._bundle

    @property
    def chain(self) -> tuple[bytes, ...]:
        return tuple(encode((certificate,)) for certificate in self._chain)

    @property
    def signer_end(self) -> datetime:
        """That of the last answer; before the first one nothing is known."""
        return self._end

    @property
    def crossed(self) -> tuple[bytes, ...]:
        """The other side's business."""
        return ()

    @property
    def revoked(self) -> bytes:
        return self._bundle.revocations

    @property
    def crl(self) -> bytes:
        return self._bundle.revocations

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    async def sign(self, template: Template) -> x509.Certificate:
        _names_itself(template)
        seconds = int((template.validity.not_after - self._clock()).total_seconds())
        try:
            answer = await self._ask(template.csr, max(seconds, 1))
        except OSError as error:
            raise AuthorityError(f"the remote CA does not answer: {error}") from error
        if len(answer) < 2:
            raise AuthorityError(f"the remote CA answered with {len(answer)} certificates, not 2")
        try:
            whole = [read_certificates(text.encode()) for text in answer]
        except SecretError as error:
            raise AuthorityError(f"the remote CA's answer: {error}") from None
        certificate, *more = (one for part in whole[:-1] for one in part)
        # what it trusts now is added to what it said before: leaves of then are still in use
        roots = (*whole[-1], *self._bundle.certificates)
        chain = path(certificate, more, roots)
        if not chain:
            raise AuthorityError("the remote CA's answer: no chain leads from the leaf to its root")
        broken = fulfils(certificate, template, chain[1])
        if broken:
            raise AuthorityError(f"the remote CA's answer: {'; '.join(broken)}")
        self._end = min(one.not_valid_after_utc for one in chain[1:])
        self._learn(Bundle(roots, self._bundle.revocations), chain[1:-1])
        return certificate

    def _learn(self, bundle: Bundle, chain: tuple[x509.Certificate, ...]) -> None:
        now = self._clock()
        current = tuple(one for one in bundle.certificates if one.not_valid_after_utc > now)
        bundle = Bundle(current, bundle.revocations)
        if bundle == self._bundle and chain == self._chain:
            return
        self._bundle, self._chain = bundle, chain
        for callback in self._callbacks:
            callback()


def _names_itself(template: Template) -> None:
    """Whether the request asks for what the template grants: the remote goes by the request."""
    try:
        csr = x509.load_pem_x509_csr(template.csr.encode())
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        raise AuthorityError(
            "the request names nobody, so the remote CA would not know whom"
        ) from None
    if set(names) != set(template.names()):
        raise AuthorityError("the request names somebody else than who sent it")
