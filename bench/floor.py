"""A server that decides nothing: `python -m bench.floor RECORDING` answers each type with bytes
that were recorded, and sends prepared bytes to all when told.

What a fleet takes with it is the share of gRPC, the machine and the fleet itself in all figures.
"""

import asyncio
import pickle
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import grpc
import uvloop

from bench.messages import acknowledged
from bench.relay import SERVICE, UNLIMITED


class Floor:
    """Streams are kept until their clients go."""

    def __init__(self, recorded: list[tuple[str, bytes]]) -> None:
        self._prepared: dict[str, list[bytes]] = defaultdict(list)
        for type_url, data in recorded:
            self._prepared[type_url].append(data)
        self._streams: set[asyncio.Queue[bytes]] = set()

    def push(self, data: bytes) -> None:
        for stream in self._streams:
            stream.put_nowait(data)

    async def delta(self, _: object, context: Any) -> None:
        """A first request of a type is answered, acknowledgements are read."""
        out: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.add(out)
        writer = asyncio.create_task(self._write(context, out), name="floor-write")
        answered: set[str] = set()
        try:
            while (data := await context.read()) is not grpc.aio.EOF:
                type_url, _, _ = acknowledged(data)
                if type_url not in answered:
                    answered.add(type_url)
                    for prepared in self._prepared[type_url]:
                        out.put_nowait(prepared)
        finally:
            self._streams.discard(out)
            writer.cancel()

    async def _write(self, context: Any, out: "asyncio.Queue[bytes]") -> None:
        while True:
            await context.write(await out.get())


async def _serve(floor: Floor) -> None:
    server = grpc.aio.server(options=UNLIMITED)
    handler = grpc.method_handlers_generic_handler(
        SERVICE, {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(floor.delta)}
    )
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    print(port, flush=True)
    # each line names a file with a response that goes to all
    while line := await reader.readline():
        floor.push(_content(line.decode().strip()))
    await server.stop(None)


def _content(path: str) -> bytes:
    return Path(path).read_bytes()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        _runner.run(_serve(Floor(pickle.loads(_content(sys.argv[1])))))
