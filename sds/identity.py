"""SPIFFE ids of workloads, as Istio forms them: spiffe://<trust domain>/ns/<ns>/sa/<account>."""

import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509

_SCHEME: Final = "spiffe://"
# what SPIFFE allows in a segment; Istio is as lax about upper case in trust domains
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


class IdentityError(ValueError):
    """What is wrong with an identity, for people."""


@dataclass(frozen=True, slots=True, order=True)
class SpiffeId:
    """One that can be printed and read again: each part is checked when it is made."""

    trust_domain: str
    namespace: str
    service_account: str

    def __post_init__(self) -> None:
        # as Istio does with trust domains that are mail addresses
        object.__setattr__(self, "trust_domain", self.trust_domain.replace("@", "."))
        _checked("trust domain", self.trust_domain)
        _checked("namespace", self.namespace)
        _checked("service account", self.service_account)

    def __str__(self) -> str:
        return f"{_SCHEME}{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


def parse(text: str) -> SpiffeId:
    """The identity that `text` names; raises IdentityError."""
    if not text.startswith(_SCHEME):
        raise IdentityError(f"{text!r} does not begin with {_SCHEME}")
    segments = text.removeprefix(_SCHEME).split("/")
    if len(segments) != 5:
        raise IdentityError(
            f"{text!r} has {len(segments)} segments, not the 5 of "
            f"{_SCHEME}<trust domain>/ns/<namespace>/sa/<service account>"
        )
    trust_domain, ns, namespace, sa, service_account = segments
    if ns != "ns" or sa != "sa":
        raise IdentityError(f"{text!r} says /{ns}/…/{sa}/… where /ns/…/sa/… is expected")
    return SpiffeId(trust_domain, namespace, service_account)


def of_certificate(certificate: x509.Certificate) -> SpiffeId:
    """Whom a certificate names: it has exactly one URI; raises IdentityError."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise IdentityError("the certificate has no subject alternative name") from None
    except ValueError as error:
        raise IdentityError(f"the certificate's extensions cannot be read: {error}") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise IdentityError(f"the certificate has {len(uris)} URI names, not exactly one")
    return parse(uris[0])


def _checked(what: str, value: str) -> None:
    if not value:
        raise IdentityError(f"the {what} is empty")
    if _SEGMENT.fullmatch(value) is None or value in (".", ".."):
        raise IdentityError(f"the {what} {value!r} has characters that no SPIFFE id may have")
