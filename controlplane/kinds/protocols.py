"""The protocol of a port, from its name or appProtocol, by Istio's rules."""

from typing import Final

from translators.model import Protocol

_BY_NAME: Final = {p.value.lower(): p for p in Protocol if p is not Protocol.DETECTED}
_KUBERNETES: Final = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
# SMTP, DNS, MySQL and MongoDB: the server speaks first, so nobody may wait for the client
_SERVER_FIRST: Final = frozenset({25, 53, 3306, 27017})


def parse_protocol(text: str) -> Protocol | None:
    """A protocol by its own name, in any case ("GRPC-Web")."""
    return _BY_NAME.get(text.lower())


def protocol_of(port_name: str, app_protocol: str, number: int) -> Protocol | None:
    """What is spoken on a port; None where nothing says so and Istio would sniff."""
    name = (app_protocol or port_name).lower()
    if app_protocol and name in _KUBERNETES:
        return _KUBERNETES[name]
    if name.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    protocol = parse_protocol(name.partition("-")[0])
    if protocol is None and number in _SERVER_FIRST:
        return Protocol.TCP
    return protocol
