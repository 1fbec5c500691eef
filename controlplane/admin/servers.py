"""HTTP servers on one address each."""

from dataclasses import dataclass

from aiohttp import web

from controlplane.settings import host_and_port

_LARGEST_REQUEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Serving:
    runner: web.AppRunner
    port: int

    async def stop(self) -> None:
        await self.runner.cleanup()


async def serve(app: web.Application, address: str) -> Serving:
    """Serve `app` on host:port; port 0 takes any free one. Raises OSError when it is taken."""
    host, port = host_and_port(address)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    bound = runner.addresses[0][1]
    return Serving(runner, int(bound))


def application() -> web.Application:
    return web.Application(client_max_size=_LARGEST_REQUEST)
