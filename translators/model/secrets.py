"""What is delivered under the name of a secret. Reprs do not show it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain, the leaf first, and its key, in PEM; `ocsp` a stapled response in
    DER."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    ocsp: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """What peers' certificates are verified with, in PEM: those who may sign, and what they have
    revoked."""

    roots: bytes = field(repr=False)
    crl: bytes = field(default=b"", repr=False)


SecretContent = Certificate | Trust
