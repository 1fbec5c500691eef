"""What can be wrong with a certificate, for people: each fault with its cause and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509


class Severity(StrEnum):
    ERROR = "error"  # peers refuse it
    WARNING = "warning"  # it works, but not as it should, or not for long


@dataclass(frozen=True, slots=True)
class Fault:
    """reason is a CamelCase token; certificate says which one (describe)."""

    severity: Severity
    reason: str
    certificate: str
    message: str
    remedy: str


def describe(certificate: x509.Certificate) -> str:
    """A certificate for people: its URI or subject, and its serial number."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (ValueError, x509.ExtensionNotFound):
        uris = []
    name = uris[0] if uris else certificate.subject.rfc4514_string() or "(no name)"
    return f"{name} serial {certificate.serial_number:x}"
