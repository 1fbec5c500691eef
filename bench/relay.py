"""Stands between an Envoy and its control plane, passes delta ADS on byte by byte, and notes when
what went by. Its own time is part of what is measured through it, and is told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from bench.messages import acknowledged, head

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD: Final = f"/{SERVICE}/DeltaAggregatedResources"
UNLIMITED: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One response and its answer; times are CLOCK_MONOTONIC. `passed` is when it was handed to
    the proxy's connection, `received` when it had come from the control plane."""

    type_url: str
    received: float
    passed: float
    answered: float
    refused: bool


@dataclass(slots=True)
class Relay:
    """`expect` arms it for one type; `seen` is set by the first response of that type after it
    that has been answered."""

    port: int = 0
    _type_url: str = ""
    _open: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    _found: "asyncio.Future[Acknowledged] | None" = None

    def expect(self, type_url: str) -> "asyncio.Future[Acknowledged]":
        self._type_url = type_url
        self._open.clear()
        self._found = asyncio.get_running_loop().create_future()
        return self._found

    def _down(self, data: bytes, received: float) -> None:
        type_url, nonce, _ = head(data)
        if type_url == self._type_url:
            self._open[type_url, nonce] = (received, time.monotonic())

    def _up(self, data: bytes) -> None:
        now = time.monotonic()
        type_url, nonce, refused = acknowledged(data)
        noted = self._open.pop((type_url, nonce), None)
        if noted is not None and self._found is not None and not self._found.done():
            self._found.set_result(Acknowledged(type_url, *noted, now, refused))

    async def carry(self, context: Any, upstream: grpc.aio.Channel) -> None:
        """One stream, both ways, until either end has gone."""
        call: Any = upstream.stream_stream(METHOD)()

        async def up() -> None:
            while (data := await context.read()) is not grpc.aio.EOF:
                self._up(data)
                await call.write(data)
            await call.done_writing()

        sender = asyncio.create_task(up(), name="relay-up")
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                received = time.monotonic()
                await context.write(data)
                self._down(data, received)
        finally:
            sender.cancel()
            call.cancel()


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    """A relay on a free port of 127.0.0.1 to the control plane on port `target`."""
    made = Relay()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{target}", options=UNLIMITED) as upstream:

        async def delta(_: object, context: Any) -> None:
            await made.carry(context, upstream)

        handler = grpc.method_handlers_generic_handler(
            SERVICE, {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(delta)}
        )
        server = grpc.aio.server(options=UNLIMITED)
        server.add_generic_rpc_handlers((handler,))
        made.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield made
        finally:
            await server.stop(None)
