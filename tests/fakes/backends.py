"""Plain HTTP servers that say who they are, on addresses of the loopback network."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def backends(places: Mapping[str, tuple[str, int]]) -> AsyncIterator[Counter[str]]:
    """Serve `name` at each (address, port); yields the requests that each has answered."""
    served: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        for name, (address, port) in places.items():
            runner = web.AppRunner(_app(name, served), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, address, port).start()
        yield served


def _app(name: str, served: Counter[str]) -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        served[name] += 1
        return web.Response(text=f"{name}\n", headers={"x-backend": name})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app
