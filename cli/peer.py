"""What a TLS server shows, whoever it is: nothing of it is verified, and nothing is sent to it."""

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final

_SECONDS: Final = 10.0
# a server of gRPC refuses whoever does not offer it
_PROTOCOLS: Final = ["h2"]


@dataclass(frozen=True, slots=True)
class Shown:
    """chain: PEM, as it was sent."""

    chain: bytes
    version: str
    protocol: str


def shown(host: str, port: int, *, server_name: str = "") -> Shown:
    """What the server at `host` shows; raises OSError where there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # to look at a certificate is not to trust it
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(_PROTOCOLS)
    with (
        socket.create_connection((host, port), timeout=_SECONDS) as connection,
        context.wrap_socket(
            connection, server_hostname=server_name or (None if _is_ip(host) else host)
        ) as secured,
    ):
        return Shown(
            chain="".join(_chain(secured)).encode("ascii"),
            version=secured.version() or "",
            protocol=secured.selected_alpn_protocol() or "",
        )


def _chain(secured: ssl.SSLSocket) -> list[str]:
    """All that was sent, PEM."""
    # public from Python 3.13 on, and DER; before that, behind a private name
    public: Any = getattr(secured, "get_unverified_chain", None)
    if public is not None:
        return [ssl.DER_cert_to_PEM_cert(one) for one in public()]
    private: Any = secured._sslobj  # type: ignore[attr-defined]
    return [one.public_bytes() for one in private.get_unverified_chain() or ()]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
