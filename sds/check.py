"""Whether a certificate keeps what was promised: `fulfils` before it is handed out; `examine`, for
people, says of any certificate what is wrong with it."""

from datetime import timedelta
from typing import Final

from cryptography import x509

from sds.examination import Purpose, examine
from sds.faults import Fault, Severity
from sds.paths import issued
from sds.template import EXTENDED_KEY_USAGE, KEY_USAGE, Template, authority_key

__all__ = ["Fault", "Purpose", "Severity", "examine", "fulfils"]

# how far the clock of a signer elsewhere may be off
_SKEW: Final = timedelta(seconds=60)
_LARGEST_SERIAL: Final = 2**159


def fulfils(
    certificate: x509.Certificate, template: Template, issuer: x509.Certificate
) -> tuple[str, ...]:
    """In which points `certificate`, signed by `issuer`, is not what `template` promises; empty
    if it is. Its serial number is the signer's choice, and it may be shorter than asked."""
    broken = []
    if not issued(certificate, issuer):
        broken.append("it is not signed by the signing certificate")
    if certificate.public_key() != template.public_key:
        broken.append("it is for another key")
    if len(certificate.subject):
        broken.append(f"its subject is {certificate.subject.rfc4514_string()}, not empty")
    if not 0 < certificate.serial_number < _LARGEST_SERIAL:
        broken.append("its serial number is out of range")
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    granted = template.validity
    if start > granted.not_before + _SKEW * 2 or end <= granted.not_before:
        broken.append(f"it is valid from {start:%FT%TZ}, not from {granted.not_before:%FT%TZ}")
    if end > granted.not_after + _SKEW:
        broken.append(f"it lasts until {end:%FT%TZ}, longer than {granted.not_after:%FT%TZ}")
    return (*broken, *_extensions(certificate.extensions, template, issuer))


def _extensions(
    extensions: x509.Extensions, template: Template, issuer: x509.Certificate
) -> tuple[str, ...]:
    found = {extension.oid: extension for extension in extensions}
    broken = []
    names = found.get(x509.SubjectAlternativeName.oid)
    if names is None or names.value != template.names():
        broken.append("its names are not those of the caller")
    elif not names.critical:
        broken.append("its names are not critical although its subject is empty")
    usage = found.get(x509.KeyUsage.oid)
    if usage is None or usage.value != KEY_USAGE or not usage.critical:
        broken.append("its key usage is not digitalSignature, keyEncipherment")
    extended = found.get(x509.ExtendedKeyUsage.oid)
    if extended is None or extended.value != EXTENDED_KEY_USAGE:
        broken.append("its extended key usage is not serverAuth, clientAuth")
    basic = found.get(x509.BasicConstraints.oid)
    if basic is None or basic.value != x509.BasicConstraints(ca=False, path_length=None):
        broken.append("its basic constraints do not say that it is no CA")
    authority = found.get(x509.AuthorityKeyIdentifier.oid)
    if authority is None or not _same_key(authority.value, authority_key(issuer)):
        broken.append("its authority key identifier is not that of the signing certificate")
    return tuple(broken)


def _same_key(found: x509.ExtensionType, expected: x509.AuthorityKeyIdentifier) -> bool:
    return (
        isinstance(found, x509.AuthorityKeyIdentifier)
        and found.key_identifier == expected.key_identifier
    )
