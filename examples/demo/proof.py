"""What a sidecar says of the caller whose certificate it has verified. Pure.

The header is Envoy's x-forwarded-client-cert: one element for each hop, the last by the sidecar
beside us; Envoy removes it where the caller has shown no certificate.
"""

import re
from dataclasses import dataclass
from typing import Final

HEADER: Final = "x-forwarded-client-cert"
# commas and semicolons between quotes are part of a name
_ELEMENT: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PAIR: Final = re.compile(r'(\w+)=((?:[^;"]|"(?:[^"\\]|\\.)*")*)')


@dataclass(frozen=True, slots=True)
class Proven:
    """The caller's SPIFFE id and the SHA-256 of its certificate in hex; "" for nothing proven."""

    identity: str = ""
    certificate: str = ""


def proven(header: str) -> Proven:
    elements = _ELEMENT.findall(header)
    if not elements:
        return Proven()
    pairs = {key.lower(): value for key, value in _PAIR.findall(elements[-1])}
    return Proven(pairs.get("uri", ""), pairs.get("hash", ""))
