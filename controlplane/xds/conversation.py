"""What an ADS client says to a server, sans-io: the other side of `session`.

It asks, keeps what came, acknowledges or refuses it, and asks for what that refers to, as a proxy
would. It takes any server for right: it judges nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from google.protobuf.any_pb2 import Any

from controlplane.xds.contents import REFERENCES, name_of, references
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, SECRET

Request: TypeAlias = DeltaDiscoveryRequest | DiscoveryRequest
Response: TypeAlias = DeltaDiscoveryResponse | DiscoveryResponse

SHORT: Final = {
    "cds": CLUSTER,
    "eds": ASSIGNMENT,
    "lds": LISTENER,
    "rds": ROUTE,
    "sds": SECRET,
    "vhds": "type.googleapis.com/envoy.config.route.v3.VirtualHost",
    "ecds": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
    "nds": "type.googleapis.com/istio.networking.nds.v1.NameTable",
}
# without a name there is nothing to ask for; of other types no name means everything
NAMED: Final = frozenset((ASSIGNMENT, ROUTE, SECRET, SHORT["vhds"], SHORT["ecds"]))
# types of which a state-of-the-world response is all that there is
_COMPLETE: Final = frozenset((CLUSTER, LISTENER))
_REFUSED: Final = 3  # INVALID_ARGUMENT
_NOTHING: Final[Mapping[str, Mapping[str, "Held"]]] = {}


@dataclass(frozen=True, slots=True)
class Held:
    """A resource that was taken. `version` is "" where the server gives none."""

    version: str
    content: Any


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for.

    names   by type URL; no names means everything of the type
    follow  types whose names are learned from what refers to them
    refuse  why responses of a type are refused, by type URL
    """

    names: Mapping[str, tuple[str, ...]]
    follow: frozenset[str] = frozenset()
    refuse: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """One response. `size` is in bytes; `refused` says why it was not taken, "" where it was."""

    type_url: str
    version: str
    nonce: str
    size: int
    resources: Mapping[str, Held]
    removed: tuple[str, ...]
    refused: str


@dataclass(slots=True)
class _Channel:
    """One type on the stream."""

    names: set[str] = field(default_factory=set)
    answered: bool = False
    nonce: str = ""
    version: str = ""


class Conversation:
    """One stream. Send what `take` gives, feed `receive` with what comes.

    held  what the client has from an earlier stream: a delta server is told the versions
    """

    def __init__(
        self,
        node: Node,
        wish: Wish,
        *,
        delta: bool,
        held: Mapping[str, Mapping[str, Held]] = _NOTHING,
    ) -> None:
        self.delta = delta
        self.held: dict[str, dict[str, Held]] = {url: dict(own) for url, own in held.items()}
        self._wish = wish
        self._node: Node | None = node
        self._channels: dict[str, _Channel] = {}
        self._outbox: list[Request] = []
        for type_url, names in wish.names.items():
            self._subscribe(type_url, set(names))
        for type_url in REFERENCES:
            self._refer(type_url)

    def take(self) -> tuple[Request, ...]:
        """What is to be sent now, in order."""
        taken = tuple(self._outbox)
        self._outbox.clear()
        return taken

    def receive(self, message: Response) -> Received:
        """Take or refuse a response, and ask for what it refers to."""
        type_url = message.type_url
        channel = self._channels.setdefault(type_url, _Channel())
        channel.answered = True
        channel.nonce = message.nonce
        refused = self._wish.refuse.get(type_url, "")
        delta = isinstance(message, DeltaDiscoveryResponse)
        if isinstance(message, DeltaDiscoveryResponse):
            version = message.system_version_info
            resources = {item.name: Held(item.version, item.resource) for item in message.resources}
            removed = tuple(message.removed_resources)
        else:
            version = message.version_info
            resources = {
                name_of(item) or f"#{number}": Held(version, item)
                for number, item in enumerate(message.resources, 1)
            }
            removed = ()
        held = self.held.setdefault(type_url, {})
        if not refused:
            if not delta and (type_url in _COMPLETE or not channel.names):
                removed = tuple(name for name in held if name not in resources)
            for name in removed:
                held.pop(name, None)
            held.update(resources)
            channel.version = version
        self._answer(type_url, channel, refused)
        self._refer(type_url)
        return Received(
            type_url, version, message.nonce, message.ByteSize(), resources, removed, refused
        )

    def unanswered(self) -> tuple[str, ...]:
        """Types that were asked for and of which nothing came since."""
        return tuple(url for url, channel in self._channels.items() if not channel.answered)

    def missing(self) -> Mapping[str, tuple[str, ...]]:
        """Names that were asked for by name and are not held, by type URL."""
        found = {
            url: tuple(sorted(channel.names - self.held.get(url, {}).keys()))
            for url, channel in self._channels.items()
        }
        return {url: names for url, names in found.items() if names}

    def _refer(self, type_url: str) -> None:
        """Ask for what the resources of `type_url` refer to."""
        target = REFERENCES.get(type_url)
        if target not in self._wish.follow:
            return
        held = self.held.get(type_url, {})
        names = {name for item in held.values() for name in references(item.content)}
        if target in self._channels or names:
            self._subscribe(target, names)

    def _subscribe(self, type_url: str, names: set[str]) -> None:
        channel = self._channels.get(type_url)
        first = channel is None
        channel = self._channels.setdefault(type_url, _Channel())
        added, dropped = names - channel.names, channel.names - names
        if not (first or added or dropped):
            return
        channel.names = names
        if first or added:
            channel.answered = False
        for name in dropped:
            self.held.get(type_url, {}).pop(name, None)
        if not self.delta:
            self._outbox.append(self._state(type_url, channel))
            return
        self._outbox.append(
            DeltaDiscoveryRequest(
                node=self._introduction(),
                type_url=type_url,
                resource_names_subscribe=sorted(added),
                resource_names_unsubscribe=sorted(dropped),
                initial_resource_versions={
                    name: item.version for name, item in self.held.get(type_url, {}).items()
                }
                if first
                else {},
            )
        )

    def _answer(self, type_url: str, channel: _Channel, refused: str) -> None:
        answer: Request
        if self.delta:
            answer = DeltaDiscoveryRequest(type_url=type_url, response_nonce=channel.nonce)
        else:
            answer = self._state(type_url, channel)
        if refused:
            answer.error_detail.code = _REFUSED
            answer.error_detail.message = refused
        self._outbox.append(answer)

    def _state(self, type_url: str, channel: _Channel) -> DiscoveryRequest:
        return DiscoveryRequest(
            node=self._introduction(),
            type_url=type_url,
            resource_names=sorted(channel.names),
            response_nonce=channel.nonce,
            version_info=channel.version,
        )

    def _introduction(self) -> Node | None:
        """Who asks: in the first message only."""
        node, self._node = self._node, None
        return node
