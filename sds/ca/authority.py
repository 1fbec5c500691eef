"""What everyone above sees of a CA, whoever signs: a built-in one, or another server."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from cryptography import x509

from sds.secrets import Bundle
from sds.template import Template


class AuthorityError(Exception):
    """Nothing can be signed now; the text says why, for logs and operators."""


class Authority(Protocol):
    """Signs leaves, and says whom proxies must trust for it.

    bundle      what proxies must trust now
    chain       the intermediates of what is signed now, each PEM, without the root
    signer_end  what is signed now does not last longer
    crossed     what signs now, vouched for by roots that were in force before: each PEM
    revoked     lists of revoked certificates, PEM, or empty: all that there are
    crl         those that proxies can be given (lists)
    """

    @property
    def bundle(self) -> Bundle: ...

    @property
    def chain(self) -> tuple[bytes, ...]: ...

    @property
    def signer_end(self) -> datetime: ...

    @property
    def crossed(self) -> tuple[bytes, ...]: ...

    @property
    def revoked(self) -> bytes: ...

    @property
    def crl(self) -> bytes: ...

    async def sign(self, template: Template) -> x509.Certificate:
        """The leaf of `template`; raises AuthorityError. `chain` and `bundle`, read before the next
        await, are those that belong to it."""
        ...

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever the bundle, the chain or the CRL has become another."""
        ...
