"""What a TLS server shows, over real TLS."""

import asyncio
import ssl

import pytest

from cli.peer import shown
from controlplane.secure.front import Front, Presented
from controlplane.tasks import SystemClock
from tests.fakes.certificates import Root


async def test_a_chain_is_shown_whoever_signed_it() -> None:
    root = Root.made()
    pair = root.server()
    presented = Presented(pair.chain + root.pem, pair.key, root.pem)
    front = Front(lambda: presented, now=SystemClock().now)
    port = await front.start("127.0.0.1:0")
    try:
        found = await asyncio.to_thread(shown, "127.0.0.1", port, server_name="example.org")
    finally:
        await front.stop()
    assert found.chain == pair.chain + root.pem
    assert (found.version, found.protocol) == ("TLSv1.3", "h2")


async def test_a_server_that_does_not_speak_tls() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(shown, "127.0.0.1", port)
