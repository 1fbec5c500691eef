"""Packed Envoy messages, and the small wrappers that every translator needs.

`Packed` is what translation yields: the bytes of one resource, and what it refers to. It knows no
version and no stream.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

CLUSTER: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ASSIGNMENT: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
VIRTUAL_HOST: Final = "type.googleapis.com/envoy.config.route.v3.VirtualHost"
SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Packed:
    """One translated resource.

    value     the serialised message (deterministic, so equal meaning gives equal bytes)
    clusters  names of the clusters that traffic may be sent to by it
    tables    names of the route tables that a listener asks for over RDS
    needs_assignment  whether a cluster has its endpoints over EDS
    addresses of a listener, "address:port", to tell when one replaces another
    digest    stands for the content in hashes, where hashing `value` would do work twice
    unit      the value of the model it was translated from
    """

    type_url: str
    name: str
    value: bytes = field(repr=False)  # a secret's is one
    clusters: frozenset[str] = NOTHING
    tables: frozenset[str] = NOTHING
    needs_assignment: bool = False
    addresses: frozenset[str] = NOTHING
    digest: bytes = field(default=b"", repr=False)
    unit: object = field(default=None, repr=False)


class Named(Protocol):
    """A message that carries the name of its resource."""

    name: str


def serialise(message: Message) -> bytes:
    """The bytes of `message`, maps in a fixed order: the base of content hashes."""
    return message.SerializeToString(deterministic=True)


def pack(message: Message) -> Any:
    """`message` as an Any."""
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def duration(milliseconds: int) -> Duration:
    seconds, rest = divmod(milliseconds, 1000)
    return Duration(seconds=seconds, nanos=rest * 1_000_000)


def varint(number: int) -> bytes:
    """`number` in protobuf's variable length."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def length_field(field: int, size: int) -> bytes:
    """What stands before the bytes of a field that are spliced in: tag and length."""
    return varint(field << 3 | 2) + varint(size)


def text_field(field: int, text: str) -> bytes:
    """A whole field of text."""
    encoded = text.encode()
    return length_field(field, len(encoded)) + encoded
