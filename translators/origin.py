"""Istio's bookkeeping in the metadata of resources: which object made this, and for what."""

from typing import Final

from envoy.config.core.v3.base_pb2 import Metadata
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from translators.model import ObjectRef

_KEY: Final = "istio"
# the kinds that Istio names as the origin of a cluster or a route
_KINDS: Final = {"DestinationRule": "destination-rule", "VirtualService": "virtual-service"}


def path(source: ObjectRef | None) -> str:
    """`/apis/networking.istio.io/v1/namespaces/<ns>/<kind>/<name>`; "" where Istio has none."""
    if source is None or source.kind not in _KINDS:
        return ""
    return (
        f"/apis/networking.istio.io/v1/namespaces/{source.namespace}"
        f"/{_KINDS[source.kind]}/{source.name}"
    )


def text(value: str) -> Value:
    return Value(string_value=value)


def metadata(fields: dict[str, Value]) -> Metadata:
    return Metadata(filter_metadata={_KEY: Struct(fields=fields)})


def services(host: str, name: str, namespace: str) -> Value:
    """The list of one service that a cluster carries."""
    entry = Struct(fields={"host": text(host), "name": text(name), "namespace": text(namespace)})
    return Value(list_value=ListValue(values=[Value(struct_value=entry)]))
