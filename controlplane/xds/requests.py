"""What a client says, decoded: one Request for both variants of the protocol.

It knows no stream and no state; it refuses what no client may send.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest

MAX_NAMES: Final = 100_000
MAX_NAME_LENGTH: Final = 4096


class ProtocolError(Exception):
    """The client broke the protocol; the text says how. It ends the stream (INVALID_ARGUMENT)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message of the client.

    subscribe, unsubscribe, initial_versions  of the incremental variant
    names, version  resource_names and version_info of the state-of-the-world variant
    nonce   of the response that is acknowledged or refused; empty when none is meant
    error   why that response was refused (with the status code); None is an acknowledgement
    """

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    version: str = ""
    error: str | None = None

    def __post_init__(self) -> None:
        if not self.type_url:
            raise ProtocolError("the request has no type_url")
        _bounded("type_url", (self.type_url,))
        _bounded("resource_names_subscribe", self.subscribe)
        _bounded("resource_names_unsubscribe", self.unsubscribe)
        _bounded("resource_names", self.names)
        _bounded("initial_resource_versions", self.initial_versions)


def delta_request(message: DeltaDiscoveryRequest) -> Request:
    """The Request in `message`."""
    return Request(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=_error(message),
    )


def sotw_request(message: DiscoveryRequest) -> Request:
    """The Request in `message`."""
    return Request(
        type_url=message.type_url,
        names=tuple(message.resource_names),
        nonce=message.response_nonce,
        version=message.version_info,
        error=_error(message),
    )


def _error(message: DeltaDiscoveryRequest | DiscoveryRequest) -> str | None:
    if not message.HasField("error_detail"):
        return None
    return f"{message.error_detail.message} (code {message.error_detail.code})"


def _bounded(what: str, names: Iterable[str]) -> None:
    count = 0
    for name in names:
        count += 1
        if len(name) > MAX_NAME_LENGTH:
            raise ProtocolError(f"{what}: a name is longer than {MAX_NAME_LENGTH} characters")
    if count > MAX_NAMES:
        raise ProtocolError(f"{what}: more than {MAX_NAMES} names")
