"""TLS at the door, with real gRPC behind it and in front of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import grpc
import pytest
from cryptography import x509

from controlplane.secure.front import Front, Presented, _in_memory
from controlplane.tasks import SystemClock
from sds.identity import of_certificate
from sds.secrets import KeyPair
from tests.fakes.certificates import Root
from tests.features.client import until

METHOD = "/test.Echo/Call"


class Behind:
    """A door with an echo behind it that says who is seen to call."""

    def __init__(self, root: Root) -> None:
        self.root = root
        pair = root.server()
        self.presented = Presented(pair.chain, pair.key, root.pem)
        self.front = Front(lambda: self.presented, now=SystemClock().now)
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "test.Echo", {"Call": grpc.unary_unary_rpc_method_handler(self._echo)}
                ),
            )
        )
        self.port = 0

    async def _echo(self, request: bytes, context: "grpc.aio.ServicerContext") -> bytes:  # type: ignore[type-arg]
        peer = context.peer()
        if not self.front.knows(peer):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, peer)
        shown = self.front.certificate(peer)
        who = "nobody" if shown is None else of_certificate(x509.load_der_x509_certificate(shown))
        return str(who).encode() + b" " + request

    def channel(self, pair: KeyPair | None = None, root: Root | None = None) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            (root or self.root).pem,
            pair.key if pair else None,
            pair.chain if pair else None,
        )
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        return grpc.aio.secure_channel(f"127.0.0.1:{self.port}", credentials, options)


@asynccontextmanager
async def open_door() -> AsyncIterator[Behind]:
    behind = Behind(Root.made())
    behind.server.add_insecure_port(behind.front.backend)
    await behind.server.start()
    behind.port = await behind.front.start("127.0.0.1:0")
    try:
        yield behind
    finally:
        await behind.front.stop()
        await behind.server.stop(None)


async def call(channel: grpc.aio.Channel, body: bytes = b"hello") -> bytes:
    answer: bytes = await channel.unary_unary(METHOD)(body, timeout=10)
    return answer


async def test_a_client_may_show_a_certificate_or_none() -> None:
    async with open_door() as behind:
        async with behind.channel() as bare:
            assert await call(bare) == b"nobody hello"
        async with behind.channel(behind.root.pair("shop", "cart")) as proven:
            assert await call(proven) == b"spiffe://cluster.local/ns/shop/sa/cart hello"


async def test_each_connection_is_who_it_proved_to_be() -> None:
    async with open_door() as behind:
        names = [f"account-{number}" for number in range(20)]
        channels = [behind.channel(behind.root.pair("shop", name)) for name in names]
        answers = await asyncio.gather(*(call(channel) for channel in channels))
        for name, answer in zip(names, answers, strict=True):
            assert answer == f"spiffe://cluster.local/ns/shop/sa/{name} hello".encode()
        await asyncio.gather(*(channel.close() for channel in channels))


@pytest.mark.parametrize("case", ["of another root", "that has ended"])
async def test_a_certificate_that_does_not_verify_ends_the_handshake(case: str) -> None:
    async with open_door() as behind:
        if case == "that has ended":
            pair = behind.root.pair("shop", "cart", seconds=-60)
        else:
            pair = Root.made().pair("shop", "cart")
        async with behind.channel(pair) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call(channel)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_who_finds_the_inner_socket_is_not_known() -> None:
    async with open_door() as behind:
        async with grpc.aio.insecure_channel(behind.front.backend) as inside:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call(inside)
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_large_messages_pass_both_ways() -> None:
    async with open_door() as behind, behind.channel() as channel:
        body = bytes(range(256)) * 4000
        assert await call(channel, body) == b"nobody " + body


async def test_a_renewed_certificate_is_shown_to_new_connections_only() -> None:
    async with open_door() as behind, behind.channel() as old:
        await call(old)
        other = Root.made()
        pair = other.server()
        behind.presented = Presented(pair.chain, pair.key, other.pem)
        await behind.front.renew()
        assert await call(old) == b"nobody hello"
        async with behind.channel(other.pair("shop", "cart"), other) as new:
            assert await call(new) == b"spiffe://cluster.local/ns/shop/sa/cart hello"
        async with behind.channel() as distrusting:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(distrusting)


async def test_a_connection_ends_when_the_certificate_it_was_proven_with_does() -> None:
    async with open_door() as behind:
        async with behind.channel(behind.root.pair("shop", "cart", seconds=1)) as channel:
            await call(channel)
            await until(lambda: not len(behind.front), "the connection has ended")
        # the client was not let in again, and nothing is left of it
        assert not behind.front._certificates


async def test_connections_are_bounded() -> None:
    async with open_door() as behind:
        behind.front._most = 1
        async with behind.channel() as first, behind.channel() as second:
            await call(first)
            with pytest.raises(grpc.aio.AioRpcError):
                await call(second)


async def test_an_address_that_is_taken() -> None:
    async with open_door() as behind:
        with pytest.raises(OSError, match=str(behind.port)):
            await Front(lambda: behind.presented, now=SystemClock().now).start(
                f"127.0.0.1:{behind.port}"
            )


async def test_old_versions_of_tls_are_refused() -> None:
    async with open_door() as behind:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=behind.root.pem.decode())
        context.set_alpn_protocols(["h2"])
        _, writer = await asyncio.open_connection(
            "127.0.0.1", behind.port, ssl=context, server_hostname="localhost"
        )
        shown = writer.get_extra_info("ssl_object")
        assert shown.version() in ("TLSv1.2", "TLSv1.3")
        assert shown.selected_alpn_protocol() == "h2"
        # the server behind speaks first: a polite end would stumble over that
        writer.transport.abort()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(
                "127.0.0.1", behind.port, ssl=context, server_hostname="localhost"
            )


def test_no_key_in_its_text() -> None:
    pair = Root.made().server()
    text = repr(replace(Presented(pair.chain, pair.key, b""), revoked=b""))
    assert "PRIVATE" not in text
    assert pair.leaf.not_valid_after_utc > datetime.now(UTC)


async def test_the_name_of_a_connection_that_the_server_has_ended_proves_nothing() -> None:
    """A name in the abstract namespace is anybody's as soon as its socket is closed; TLS may say
    goodbye for 30 s after that."""
    root = Root.made()
    pair = root.server()
    presented = Presented(pair.chain, pair.key, root.pem)
    front = Front(lambda: presented, now=SystemClock().now)
    name = front.backend.removeprefix("unix-abstract:")
    came: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await came.put(writer)

    inner = await asyncio.start_unix_server(accept, f"\0{name}")
    port = await front.start("127.0.0.1:0")
    context = ssl.create_default_context(cadata=root.pem.decode())
    context.check_hostname = False
    shown = root.pair("shop", "cart")
    with _in_memory(shown.chain + shown.key) as path:
        context.load_cert_chain(path)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    # by hand, so that nobody answers when the other side says goodbye
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
    writer.write(outgoing.read())
    behind = await came.get()
    (known,) = front._certificates
    assert front.certificate(known) is not None
    behind.close()
    await until(lambda: not _bound(known), "the socket is closed")
    assert not front.knows(known)
    assert len(front) == 1  # TLS is not closed yet
    writer.close()
    inner.close()
    await front.stop()


def _bound(name: str) -> bool:
    with open("/proc/net/unix") as sockets:
        return any(name.removeprefix("unix-abstract:") in line for line in sockets)
