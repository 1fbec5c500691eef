"""A new root, vouched for by the one before: whoever trusts only that one can still follow.

Proxies read the roots of the control plane's own certificate from a file, and such files are
replaced late or never. What the control plane shows after a rotation carries the new root as the
old one has signed it, so that its chain leads to either.
"""

from datetime import datetime
from typing import Final

from cryptography import x509

from sds.ca.material import Material
from sds.template import authority_key, digest

# of so many rotations before
MOST: Final = 4


def crossed(new: Material, old: Material, *, now: datetime, serial: int) -> x509.Certificate | None:
    """The name and key of `new` in a certificate that `old` has signed; None where one of them is
    not itself a root: then somebody else decides who is vouched for."""
    if new.certificate not in new.roots or old.certificate not in old.roots:
        return None
    start = max(now.replace(microsecond=0), old.certificate.not_valid_before_utc)
    end = min(new.end, old.end)
    if start >= end:
        return None
    builder = (
        x509.CertificateBuilder()
        .subject_name(new.certificate.subject)
        .issuer_name(old.certificate.subject)
        .public_key(new.certificate.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension in new.certificate.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    builder = builder.add_extension(authority_key(old.certificate), critical=False)
    return builder.sign(old.key, digest(old.key))
