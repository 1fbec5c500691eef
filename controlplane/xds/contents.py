"""What stands in an Any, for people: names, references and plain data, whatever its type.

The descriptors of a type are loaded when it first comes; a type that nobody here knows is shown as
base64. What Envoy's protos call sensitive is never shown.
"""

import base64
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from udpa.annotations import sensitive_pb2

from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

# what a resource of the first type makes a proxy ask for
REFERENCES: Final = {CLUSTER: ASSIGNMENT, LISTENER: ROUTE}

_ANY: Final = AnyMessage.DESCRIPTOR.full_name
_STRUCT: Final = f"type.googleapis.com/{Struct.DESCRIPTOR.full_name}"
_HIDDEN: Final = "[redacted]"


def unpacked(content: AnyMessage) -> Message | None:
    """The message in `content`; None where its type is not known or it does not parse."""
    found = _class(content.type_url)
    if found is None:
        return None
    try:
        return found.FromString(content.value)
    except DecodeError:
        return None


def name_of(content: AnyMessage) -> str:
    """The name by which a resource is asked for; "" where its type has none."""
    message = unpacked(content)
    for field in ("name", "cluster_name"):
        if message is not None and field in message.DESCRIPTOR.fields_by_name:
            return str(getattr(message, field))
    return ""


def references(content: AnyMessage) -> frozenset[str]:
    """Names of the type that REFERENCES gives, which `content` makes a proxy ask for."""
    message: Any = unpacked(content)
    if message is None:
        return frozenset()
    if content.type_url == CLUSTER:
        if message.type != type(message).EDS:
            return frozenset()
        return frozenset((message.eds_cluster_config.service_name or message.name,))
    if content.type_url == LISTENER:
        return frozenset(_tables(message))
    return frozenset()


def plain(content: AnyMessage) -> Any:
    """`content` as JSON data with the field names of the protos, `@type` first."""
    shown = AnyMessage()
    shown.CopyFrom(_presentable(content))
    return _flat(json_format.MessageToDict(shown, preserving_proto_field_name=True))


def _tables(listener: Any) -> Iterator[str]:
    chains = (*listener.filter_chains, listener.default_filter_chain)
    configs = [item.typed_config for chain in chains for item in chain.filters]
    for config in (*configs, listener.api_listener.api_listener):
        if config.type_url.endswith(".HttpConnectionManager"):
            manager: Any = unpacked(config)
            if manager is not None and manager.HasField("rds"):
                yield manager.rds.route_config_name


def _class(type_url: str) -> type[Message] | None:
    name = type_url.rsplit("/", 1)[-1]
    pool = descriptor_pool.Default()
    try:
        descriptor = pool.FindMessageTypeByName(name)
    except KeyError:
        _load(name.rpartition(".")[0])
        try:
            descriptor = pool.FindMessageTypeByName(name)
        except KeyError:
            return None
    return message_factory.GetMessageClass(descriptor)


def _load(package: str) -> None:
    """Import the generated modules of a proto package, if they are installed."""
    if package.partition(".")[0] not in ("envoy", "udpa", "xds"):
        return
    try:
        found = import_module(package)
    except ImportError:
        return
    for module in pkgutil.iter_modules(found.__path__):
        if module.name.endswith("_pb2"):
            import_module(f"{package}.{module.name}")


def _presentable(content: AnyMessage) -> AnyMessage:
    """A copy without secrets, in which what cannot be decoded stands as base64."""
    message = unpacked(content)
    if message is None:
        stand_in = Struct()
        encoded = base64.b64encode(content.value).decode()
        stand_in.update({"@type": content.type_url, "value": encoded})
        return AnyMessage(type_url=_STRUCT, value=stand_in.SerializeToString())
    _present(message)
    return AnyMessage(type_url=content.type_url, value=message.SerializePartialToString())


def _present(message: Message) -> None:
    for field, value in message.ListFields():
        if field.GetOptions().Extensions[sensitive_pb2.sensitive]:
            _redact(message, field)
        elif field.message_type is not None:
            for below in _messages(field, value):
                if below.DESCRIPTOR.full_name == _ANY:
                    below.CopyFrom(_presentable(below))
                else:
                    _present(below)


def _messages(field: FieldDescriptor, value: Any) -> Iterator[Any]:
    """The messages in a field of a message type, whether one, many or the values of a map."""
    kind: Any = field.message_type
    if kind.GetOptions().map_entry:
        if kind.fields_by_name["value"].message_type is not None:
            yield from value.values()
    elif field.is_repeated:
        yield from value
    else:
        yield value


def _redact(message: Message, field: FieldDescriptor) -> None:
    """Show that there is a value, and where it is a file its name, but not the value."""
    if field.message_type is None or field.is_repeated:
        message.ClearField(field.name)
        return
    source: Any = getattr(message, field.name)
    if "inline_string" not in source.DESCRIPTOR.fields_by_name:
        message.ClearField(field.name)
    elif source.WhichOneof("specifier") in ("inline_bytes", "inline_string"):
        source.inline_string = _HIDDEN


def _flat(value: Any) -> Any:
    """Takes the stand-ins for what could not be decoded out of their wrapping."""
    match value:
        case {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"@type": _}}:
            return value["value"]
        case dict():
            return {key: _flat(item) for key, item in value.items()}
        case list():
            return [_flat(item) for item in value]
    return value
