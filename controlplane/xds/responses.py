"""What goes to a client, and its bytes: packed resources are spliced, never serialised again."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from controlplane.xds.resources import Resource
from translators.wire import varint

# fields that (Delta)DiscoveryResponse have in common, as tag bytes (all length-delimited)
_VERSION: Final = b"\x0a"  # 1 version_info, system_version_info
_RESOURCE: Final = b"\x12"  # 2 resources
_TYPE_URL: Final = b"\x22"  # 4 type_url
_NONCE: Final = b"\x2a"  # 5 nonce
_REMOVED: Final = b"\x32"  # 6 removed_resources

_SHARED_FROM: Final = 33  # below, splicing costs less than looking it up
_SHARED_COUNT: Final = 64
_SHARED_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Splice:
    """The resources part of a response, and the hash of its content."""

    body: bytes
    digest: str


class Splices:
    """Spliced resources, shared by all streams that send the very same Resources.

    Bounded by count and by bytes; what was not used for longest goes first.
    """

    def __init__(self, *, count: int = _SHARED_COUNT, size: int = _SHARED_BYTES) -> None:
        self._count = count
        self._size = size
        self._used = 0
        # the key holds the Resources, which compare by identity
        self._known: OrderedDict[tuple[bool, tuple[Resource, ...]], Splice] = OrderedDict()

    def splice(self, resources: tuple[Resource, ...], *, delta: bool) -> Splice:
        """The part of a response that carries `resources`."""
        if len(resources) < _SHARED_FROM:
            return _splice(resources, delta=delta)
        key = (delta, resources)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
            return found
        made = self._known[key] = _splice(resources, delta=delta)
        self._used += len(made.body)
        while self._known and (len(self._known) > self._count or self._used > self._size):
            _, dropped = self._known.popitem(last=False)
            self._used -= len(dropped.body)
        return made


@dataclass(frozen=True, slots=True)
class Response:
    """One message to the client. `generation` is that of the goal it was made for.

    `removed` is only in the bytes of the incremental variant: state of the world has no word
    for it.
    """

    type_url: str
    nonce: str
    generation: int
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]
    delta: bool
    splices: Splices = field(repr=False, compare=False)

    @property
    def version(self) -> str:
        """A hash of what is sent: the same content has the same version on every stream."""
        digest = self.splices.splice(self.resources, delta=self.delta).digest
        if not self.removed or not self.delta:
            return digest
        told = "\n".join((digest, *self.removed))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def encode(self) -> bytes:
        """The serialised DeltaDiscoveryResponse or DiscoveryResponse."""
        parts = [
            _text(_VERSION, self.version),
            self.splices.splice(self.resources, delta=self.delta).body,
            _text(_TYPE_URL, self.type_url),
            _text(_NONCE, self.nonce),
        ]
        if self.delta:
            parts.extend(_text(_REMOVED, name) for name in self.removed)
        return b"".join(parts)


def _splice(resources: tuple[Resource, ...], *, delta: bool) -> Splice:
    parts: list[bytes] = []
    content = hashlib.sha256()
    for item in resources:
        packed = item.wire if delta else item.any
        parts += (_RESOURCE, varint(len(packed)), packed)
        content.update(f"{item.name}\n{item.version}\n".encode())
    return Splice(b"".join(parts), content.hexdigest()[:16])


def _text(tag: bytes, text: str) -> bytes:
    encoded = text.encode()
    return b"".join((tag, varint(len(encoded)), encoded))
