"""The shell of the debug client: plaintext, TLS, tokens, and how streams end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node

from controlplane.xds.client import Access, StreamEndedError, dial
from controlplane.xds.conversation import Conversation, Wish
from controlplane.xds.server import SERVICE
from tests.fakes.control import free_port
from translators.wire import CLUSTER

NODE = Node(id="sidecar~10.0.0.1~a.b~b.svc.cluster.local")


@asynccontextmanager
async def server(seen: dict[str, str], status: grpc.StatusCode) -> AsyncIterator[str]:
    """A server that notes the metadata of a stream and ends it with `status`."""

    async def stream(_: Any, context: Any) -> None:
        seen.update(dict(context.invocation_metadata()))
        await context.read()
        if status is not grpc.StatusCode.OK:
            await context.abort(status, "so it is")

    serving = grpc.aio.server()
    handlers = {
        f"{variant}AggregatedResources": grpc.stream_stream_rpc_method_handler(stream)
        for variant in ("Delta", "Stream")
    }
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = serving.add_insecure_port("127.0.0.1:0")
    await serving.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await serving.stop(None)


async def ended(access: Access, *, delta: bool = True) -> StreamEndedError:
    conversation = Conversation(NODE, Wish({CLUSTER: ()}), delta=delta)
    with pytest.raises(StreamEndedError) as caught:
        async with dial(access, conversation) as stream:
            await stream.receive()
    return caught.value


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_the_status_of_the_server_is_told(delta: bool) -> None:
    async with server({}, grpc.StatusCode.UNAUTHENTICATED) as address:
        error = await ended(Access(address), delta=delta)
    assert (error.status, error.text) == ("UNAUTHENTICATED", "so it is")
    assert str(error) == "UNAUTHENTICATED: so it is"


async def test_the_status_is_told_also_when_it_crosses_what_is_written() -> None:
    types = {f"type.googleapis.com/acme.T{n}": () for n in range(50)}
    async with server({}, grpc.StatusCode.PERMISSION_DENIED) as address:
        for _ in range(20):
            conversation = Conversation(NODE, Wish(types), delta=True)
            with pytest.raises(StreamEndedError, match="PERMISSION_DENIED: so it is"):
                async with dial(Access(address), conversation) as stream:
                    await stream.receive()


async def test_a_token_is_sent() -> None:
    seen: dict[str, str] = {}
    async with server(seen, grpc.StatusCode.OK) as address:
        assert str(await ended(Access(address, token="secret"))) == "OK"
    assert seen["authorization"] == "Bearer secret"


async def test_nobody_is_there() -> None:
    error = await ended(Access(f"127.0.0.1:{free_port()}"))
    assert error.status == "UNAVAILABLE"
    assert "Connection refused" in error.text


async def test_a_server_that_speaks_no_tls() -> None:
    async with server({}, grpc.StatusCode.OK) as address:
        error = await ended(Access(address, tls=True))
    assert error.status == "UNAVAILABLE"


def test_secrets_are_not_shown() -> None:
    access = Access("127.0.0.1:1", tls=True, key=b"hush", token="hush")
    assert "hush" not in repr(access)
