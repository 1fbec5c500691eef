"""Resources as a real Istio control plane sent them, to compare with what the translators make.

`recorded/` holds them as proto-JSON by case, proxy and name, without what is never sent by us:
mutual TLS, tracing, filters of Istio's own Envoy build, the name of an inbound or weighted route's
trace operation.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

# found by ParseDict in the pool of those that are imported
from envoy.extensions.filters.http.cors.v3 import cors_pb2  # noqa: F401
from envoy.extensions.filters.http.fault.v3 import fault_pb2  # noqa: F401
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

_DIRECTORY = Path(__file__).parent / "recorded"


@cache
def _group(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_DIRECTORY / f"{name}.json").read_text())
    return content


def recorded(group: str, key: str, kind: type[Message]) -> Message:
    """The recorded resource as a message of `kind`."""
    return ParseDict(_group(group)[key], kind())


def assert_same(value: bytes, expected: Message) -> None:
    """The bytes say what `expected` says; the difference is shown as JSON."""
    actual = type(expected).FromString(value)
    assert MessageToDict(actual) == MessageToDict(expected)
    assert value == expected.SerializeToString(deterministic=True)
