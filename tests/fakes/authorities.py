"""A CA that is out of order when a test says so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from sds.ca.authority import Authority, AuthorityError
from sds.secrets import Bundle
from sds.template import Template


@dataclass
class Moody:
    """An Authority in front of a real one; while `broken` says why, it signs nothing."""

    behind: Authority
    broken: str = ""
    refused: int = 0

    @property
    def bundle(self) -> Bundle:
        return self.behind.bundle

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self.behind.chain

    @property
    def crossed(self) -> tuple[bytes, ...]:
        return self.behind.crossed

    @property
    def signer_end(self) -> datetime:
        return self.behind.signer_end

    @property
    def revoked(self) -> bytes:
        return self.behind.revoked

    @property
    def crl(self) -> bytes:
        return self.behind.crl

    async def sign(self, template: Template) -> x509.Certificate:
        if self.broken:
            self.refused += 1
            raise AuthorityError(self.broken)
        return await self.behind.sign(template)

    def on_change(self, callback: Callable[[], None]) -> None:
        self.behind.on_change(callback)
