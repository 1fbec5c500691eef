"""The sample HTTP service: says which version and Pod it is, and who called."""

import argparse
import asyncio
import signal

from aiohttp import web

from examples.demo.proof import HEADER, proven


class Web:
    def __init__(self, *, version: str, pod: str) -> None:
        self._version = version
        self._pod = pod
        self._served = 0

    async def hello(self, request: web.Request) -> web.Response:
        await request.read()
        self._served += 1
        who = proven(request.headers.get(HEADER, ""))
        headers = {
            "x-version": self._version,
            "x-pod": self._pod,
            "x-caller": who.identity,
            "x-certificate": who.certificate,
        }
        return web.Response(text=f"Hello, {who.identity or 'stranger'}!\n", headers=headers)

    async def tally(self, _: web.Request) -> web.Response:
        """How many times hello was served, asked beside the mesh."""
        return web.json_response({"served": self._served})

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hello", self.hello)
        app.router.add_get("/tally", self.tally)
        return app


async def serve(host: str, port: int, *, version: str, pod: str) -> None:
    """Until SIGTERM."""
    runner = web.AppRunner(
        # Envoy keeps connections for an hour; it must not meet one that we are closing
        Web(version=version, pod=pod).application(), access_log=None, keepalive_timeout=7200
    )  # fmt: skip
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="An HTTP service that greets.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--version", required=True)
    parser.add_argument("--pod", required=True)
    given = parser.parse_args()
    host, _, port = given.listen.rpartition(":")
    asyncio.run(serve(host, int(port), version=given.version, pod=given.pod))


if __name__ == "__main__":
    main()
