"""HTTP servers on one address each."""

import aiohttp
import pytest
from aiohttp import web

from controlplane.admin.servers import application, serve


def greeting() -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = application()
    app.router.add_route("*", "/", answer)
    return app


@pytest.mark.parametrize(
    ("address", "url"), [("127.0.0.1:0", "http://127.0.0.1"), ("[::1]:0", "http://[::1]")]
)
async def test_any_free_port_is_taken_and_told(address: str, url: str) -> None:
    serving = await serve(greeting(), address)
    try:
        async with aiohttp.ClientSession() as client, client.get(f"{url}:{serving.port}/") as got:
            assert await got.text() == "hello"
    finally:
        await serving.stop()
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"{url}:{serving.port}/")


async def test_a_port_that_is_taken_is_an_error() -> None:
    serving = await serve(greeting(), "127.0.0.1:0")
    try:
        with pytest.raises(OSError, match="address already in use"):
            await serve(greeting(), f"127.0.0.1:{serving.port}")
    finally:
        await serving.stop()


async def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="write host:port"):
        await serve(greeting(), "nowhere")
