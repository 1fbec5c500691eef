"""Discovery messages, read only as far as a measuring client must.

A client that decoded all it gets would be measured together with the server. So a response is
parsed as a message that has few of the real one's fields; what is left out costs one copy.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_FILE = "bench/messages.proto"
_TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED


def _described() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package="bench.messages", syntax="proto3")
    # DeltaDiscoveryResponse without its resources
    head = file.message_type.add(name="Head")
    head.field.add(name="type_url", number=4, type=_TEXT, label=_ONE)
    head.field.add(name="nonce", number=5, type=_TEXT, label=_ONE)
    head.field.add(name="removed", number=6, type=_TEXT, label=_MANY)
    # envoy.service.discovery.v3.Resource without its content
    named = file.message_type.add(name="Named")
    named.field.add(name="version", number=1, type=_TEXT, label=_ONE)
    named.field.add(name="name", number=3, type=_TEXT, label=_ONE)
    names = file.message_type.add(name="Names")
    names.field.add(
        name="resources",
        number=2,
        type=_MESSAGE,
        type_name=".bench.messages.Named",
        label=_MANY,
    )
    # DeltaDiscoveryRequest as far as an acknowledgement needs it
    ack = file.message_type.add(name="Ack")
    ack.field.add(name="type_url", number=2, type=_TEXT, label=_ONE)
    ack.field.add(name="nonce", number=6, type=_TEXT, label=_ONE)
    ack.field.add(
        name="error",
        number=7,
        type=_MESSAGE,
        type_name=".bench.messages.Nothing",
        label=_ONE,
    )
    file.message_type.add(name="Nothing")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _described()


def _class(name: str) -> type[message.Message]:
    descriptor = _POOL.FindMessageTypeByName(f"bench.messages.{name}")
    found: type[message.Message] = message_factory.GetMessageClass(descriptor)
    return found


_HEAD, _NAMES, _ACK = _class("Head"), _class("Names"), _class("Ack")


def head(data: bytes) -> tuple[str, str, tuple[str, ...]]:
    """Type URL, nonce and removed names of a DeltaDiscoveryResponse."""
    found = _HEAD.FromString(data)
    return found.type_url, found.nonce, tuple(found.removed)  # type: ignore[attr-defined]


def versions(data: bytes) -> dict[str, str]:
    """Name -> version of the resources of a DeltaDiscoveryResponse."""
    found = _NAMES.FromString(data)
    return {one.name: one.version for one in found.resources}  # type: ignore[attr-defined]


def acknowledged(data: bytes) -> tuple[str, str, bool]:
    """Type URL and nonce of a DeltaDiscoveryRequest, and whether it refuses."""
    found = _ACK.FromString(data)
    return found.type_url, found.nonce, found.HasField("error")  # type: ignore[attr-defined]


def ack(type_url: str, nonce: str) -> bytes:
    """The DeltaDiscoveryRequest that accepts a response."""
    return _ACK(type_url=type_url, nonce=nonce).SerializeToString()
