"""Ports of Istio's kinds: a number, a name and a protocol by name."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from controlplane.kinds.fields import Filled, PortNumber, Text
from controlplane.kinds.frames import Strict
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem, refuse, unserved
from controlplane.kinds.protocols import parse_protocol
from translators.model import Protocol

# known to Istio, and nothing that the model has a word for
_OTHERS = frozenset({"HTTP_PROXY", "HBONE", "DOUBLE-HBONE"})
_NAMES = "HTTP, HTTP2, GRPC, GRPC-Web, HTTPS, TLS, TCP, Mongo, MySQL, Redis and UDP"


def _protocol(value: object) -> object:
    if not isinstance(value, str):
        raise refuse("WrongType", "a protocol is text", f"write one of {_NAMES}")
    if not value:
        return None
    found = parse_protocol(value)
    if found is None and value.upper() in _OTHERS:
        raise unserved(f"the protocol {value}", f"write one of {_NAMES}")
    if found is None:
        raise refuse("Protocol", "this is no protocol", f"write one of {_NAMES}")
    return found


NamedProtocol = Annotated[Protocol | None, BeforeValidator(_protocol)]


class NamedPort(Strict):
    """What nobody names a protocol for is detected."""

    number: PortNumber
    name: Filled
    named: Annotated[NamedProtocol, Field(alias="protocol")] = None

    @property
    def protocol(self) -> Protocol:
        return self.named or Protocol.DETECTED

    def remarks(self) -> Iterator[Problem]:
        if self.named is None:
            yield unknown_protocol(())


_GATEWAY = frozenset(
    {
        Protocol.HTTP,
        Protocol.HTTP2,
        Protocol.GRPC,
        Protocol.GRPC_WEB,
        Protocol.HTTPS,
        Protocol.TLS,
    }
)
_GATEWAY_NAMES = "write HTTP, HTTPS, HTTP2, GRPC or GRPC-Web"
_GATEWAY_OTHERS = frozenset(Protocol) - _GATEWAY - {Protocol.UDP}


def _gateway_protocol(value: Protocol | None) -> Protocol:
    if value in _GATEWAY_OTHERS:
        raise unserved(f"a gateway port of {value}", _GATEWAY_NAMES)
    if value is None or value not in _GATEWAY:
        raise refuse("Protocol", "a gateway port has a known protocol", _GATEWAY_NAMES)
    return value


class GatewayPort(Strict):
    unserved = frozenset({"targetPort"})

    number: PortNumber
    name: Filled
    protocol: Annotated[Protocol, BeforeValidator(_protocol), AfterValidator(_gateway_protocol)]


class SidecarPort(NamedPort):
    """Named by number and protocol; the name may be left out. Without a protocol it is TCP."""

    name: Text = ""

    @property
    def protocol(self) -> Protocol:
        return self.named or Protocol.TCP


def unknown_protocol(path: tuple[int | str, ...]) -> Problem:
    return Problem(
        path,
        "ProtocolUnknown",
        "neither its name nor a protocol says what is spoken, so the first bytes decide",
        'begin the name with the protocol, as in "http-web", or set the protocol',
        severity=Severity.INFO,
    )
