"""From a certificate to a root: which certificate signed which, in whatever order they come."""

from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

# no chain in use is longer; a search among many that are cross-signed ends
_LONGEST: Final = 8


def path(
    certificate: x509.Certificate,
    pool: Iterable[x509.Certificate],
    roots: Iterable[x509.Certificate],
) -> tuple[x509.Certificate, ...]:
    """`certificate`, then who signed it, and so on up to one of `roots`; empty where none leads
    there. Only names and signatures are looked at."""
    return _extend((certificate,), tuple(pool), tuple(roots))


def issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `child` names `parent` as its issuer and carries its signature."""
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def may_sign(certificate: x509.Certificate) -> str:
    """Why a certificate may not sign others; empty if it may."""
    extensions = certificate.extensions
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "it has no basic constraints, so it is no CA"
    if not basic.ca:
        return "its basic constraints say that it is no CA"
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.key_cert_sign else "its key usage lacks keyCertSign"


def too_deep(chain: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The first CA of `chain` (the lowest first, leaves left out) that allows fewer CAs below it
    than there are."""
    for below, certificate in enumerate(chain):
        try:
            basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except x509.ExtensionNotFound:
            continue
        if basic.path_length is not None and below > basic.path_length:
            return certificate
    return None


def _extend(
    found: tuple[x509.Certificate, ...],
    pool: tuple[x509.Certificate, ...],
    roots: tuple[x509.Certificate, ...],
) -> tuple[x509.Certificate, ...]:
    last = found[-1]
    if last in roots:
        return found
    for root in roots:
        if issued(last, root):
            return (*found, root)
    if len(found) >= _LONGEST:
        return ()
    for parent in pool:
        if parent not in found and issued(last, parent):
            whole = _extend((*found, parent), pool, roots)
            if whole:
                return whole
    return ()
