"""A strict Envoy on a real stream, and waiting for what it sees without waiting for time."""

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from google.protobuf import json_format

from controlplane.xds.contents import name_of
from controlplane.xds.reports import kind
from controlplane.xds.server import SERVICE
from tests.fakes.strict_client import StrictEnvoy
from translators.bootstrap import Places, bootstrap
from translators.model import Proxy

BOUND = 20.0


async def until(condition: Callable[[], object], what: str) -> None:
    """Let everything else run until `condition` holds."""
    try:
        async with asyncio.timeout(BOUND):
            # a turn of the event loop, and no time
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {BOUND} s") from None


def node_of(proxy: Proxy) -> Node:
    described: Any = bootstrap(proxy, Places(discovery=("127.0.0.1", 15010)))["node"]
    return json_format.ParseDict(described, Node())


@dataclass(frozen=True)
class Message:
    """A response as it came: names, and size in bytes."""

    kind: str
    names: tuple[str, ...]
    removed: tuple[str, ...]
    size: int


@dataclass
class Client:
    """A strict Envoy on a stream of its own, which keeps a note of every response."""

    port: int
    proxy: Proxy
    envoy: StrictEnvoy
    messages: list[Message] = field(default_factory=list)
    failure: BaseException | None = None
    _task: "asyncio.Task[None] | None" = None

    async def connect(self, *, doubtful: frozenset[str] = frozenset()) -> None:
        """Open a stream, with the versions of what is held from the one before."""
        self.envoy.connect(doubtful=doubtful)
        self._task = asyncio.create_task(self._run(), name=f"client {self.proxy.name}")

    async def initialised(self) -> None:
        """Until it would serve: listeners and their route tables are there."""

        def serves() -> bool:
            envoy = self.envoy
            ready = envoy.initialised and not envoy.warming and not envoy.waiting
            return self._failed() or (ready and bool(envoy.listeners))

        await until(serves, f"{self.proxy.name} has listeners")
        self.check()

    async def disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def check(self) -> None:
        """What the client found broken, it says here."""
        if self.failure is not None:
            raise self.failure

    def heard(self) -> list[Message]:
        """Responses since the last call."""
        taken, self.messages = self.messages, []
        return taken

    def _failed(self) -> bool:
        return self.failure is not None

    async def _run(self) -> None:
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
                variant = "Delta" if self.envoy.delta else "Stream"
                call: Any = channel.stream_stream(f"/{SERVICE}/{variant}AggregatedResources")()
                request = DeltaDiscoveryRequest if self.envoy.delta else DiscoveryRequest
                # serialised messages one after the other are one merged message
                opening = request(node=node_of(self.proxy)).SerializeToString()
                while True:
                    while self.envoy.outbox:
                        await call.write(opening + self.envoy.outbox.popleft())
                        opening = b""
                    response = await call.read()
                    if response is grpc.aio.EOF:
                        raise ConnectionError(f"{await call.code()}: {await call.details()}")
                    self.messages.append(_message(response, delta=self.envoy.delta))
                    with warnings.catch_warnings():
                        # what Istio sends has fields that Envoy calls deprecated
                        warnings.simplefilter("ignore", DeprecationWarning)
                        self.envoy.receive(response)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failure = error


def _message(response: bytes, *, delta: bool) -> Message:
    if delta:
        read = DeltaDiscoveryResponse.FromString(response)
        names = tuple(sorted(item.name for item in read.resources))
        return Message(
            kind(read.type_url), names, tuple(sorted(read.removed_resources)), len(response)
        )
    state = DiscoveryResponse.FromString(response)
    names = tuple(sorted(map(name_of, state.resources)))
    return Message(kind(state.type_url), names, (), len(response))
