"""A certificate in words. Of keys only what kind they are is said."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sds.secrets import fingerprint


def described(certificate: x509.Certificate, now: datetime) -> Mapping[str, Any]:
    """What people want to know of it; times in ISO 8601, the state in words."""
    names = _names(certificate)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    subject = certificate.subject.rfc4514_string()
    return {
        "name": next(iter(names), "") or subject or "(no name)",
        "subject": subject,
        "issuer": certificate.issuer.rfc4514_string() or "(no name)",
        "serial": f"{certificate.serial_number:x}",
        "fingerprint": fingerprint(certificate),
        "key": _key(certificate),
        "names": names,
        "from": start.isoformat(),
        "until": end.isoformat(),
        "state": _state(start, end, now),
    }


def span(length: timedelta) -> str:
    """A length of time in its two largest units."""
    seconds = int(length.total_seconds())
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _state(start: datetime, end: datetime, now: datetime) -> str:
    if now < start:
        return f"begins in {span(start - now)}"
    if now >= end:
        return f"expired {span(now - end)} ago"
    return f"expires in {span(end - now)}"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return [str(name.value) for name in found]


def _key(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            return f"ECDSA {key.curve.name}"
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}"
        case key:
            return type(key).__name__.strip("_").removesuffix("PublicKey")
