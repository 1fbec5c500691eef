"""The shell of the debug client: plaintext, TLS, tokens, and how streams end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
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

# of nobody: for ads.test, signed by itself
CERTIFICATE = b"""\
-----BEGIN CERTIFICATE-----
MIIBXzCCAQSgAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhhZHMudGVz
dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
YWRzLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ3Q9BLBvye/nw6yjjE
iUOgmPnPoEuIirfi0yDGavpJSsCPwN5deLWSms/+O0LH1avpltM2IqXo6Pia1DiV
YLMbo0cwRTATBgNVHREEDDAKgghhZHMudGVzdDAPBgNVHRMBAf8EBTADAQH/MB0G
A1UdDgQWBBR/W47HVAb/OzSdrnQQUjdsRoG6nDAKBggqhkjOPQQDAgNJADBGAiEA
gWU7up+aW/GsW4fNNBR7gqjbyaAOWvYcymRUKZNLRLYCIQDD8ucn/rlH16yKxrX0
6dHJ5AmEAr56FnLMhY8UwpWUzQ==
-----END CERTIFICATE-----
"""
KEY = b"""\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSR+LL0SdCq/7SZ5E
l83mvrxEJrk8viIAMBA4d+KNNnKhRANCAAQ3Q9BLBvye/nw6yjjEiUOgmPnPoEuI
irfi0yDGavpJSsCPwN5deLWSms/+O0LH1avpltM2IqXo6Pia1DiVYLMb
-----END PRIVATE KEY-----
"""


@asynccontextmanager
async def server(
    seen: dict[str, str], status: grpc.StatusCode, *, tls: bool = False
) -> AsyncIterator[str]:
    """A server that notes the metadata of a stream and ends it with `status`. With `tls` it wants
    a certificate of its clients, too."""

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
    if tls:
        credentials = grpc.ssl_server_credentials(
            [(KEY, CERTIFICATE)], CERTIFICATE, require_client_auth=True
        )
        port = serving.add_secure_port("127.0.0.1:0", credentials)
    else:
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


async def test_tls_with_a_certificate_of_the_client() -> None:
    seen: dict[str, str] = {}
    async with server(seen, grpc.StatusCode.ABORTED, tls=True) as address:
        access = Access(
            address,
            tls=True,
            roots=CERTIFICATE,
            certificate=CERTIFICATE,
            key=KEY,
            token="secret",
            server_name="ads.test",
        )
        assert (await ended(access)).status == "ABORTED"
        assert seen.pop("authorization") == "Bearer secret"
        assert (await ended(replace(access, certificate=None, key=None))).status == "UNAVAILABLE"
        assert (await ended(replace(access, server_name="other"))).status == "UNAVAILABLE"
    assert "authorization" not in seen


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
