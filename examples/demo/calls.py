"""One request over gRPC or HTTP, by real clients that never try twice.

grpc's own retries are switched off; HTTP uses POST, which aiohttp does not repeat.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
import grpc

from examples.demo.greeter import SAY_HELLO
from examples.demo.layout import Address
from examples.demo.proto.greeter_pb2 import HelloReply, HelloRequest

CALL_SECONDS: Final = 5.0
ROUTE: Final = "x-route"
CANARY: Final = ("x-canary", "yes")
GRPC_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # else channels to one address share a connection, and a new one is not new
    ("grpc.use_local_subchannel_pool", 1),
)


class CallError(Exception):
    """The request was not answered as it should be; the text says how."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`route` is the edition of the routes that the answer came by, as they say in a header;
    `caller` and `certificate` are what the server knows of the caller, "" where it proved nothing.
    """

    version: str
    pod: str
    route: str
    caller: str = ""
    certificate: str = ""


class Caller(Protocol):
    """A client with its connections. `call` raises CallError."""

    async def call(self, *, canary: bool) -> Reply: ...

    async def close(self) -> None: ...


class GrpcCaller:
    """Calls the greeter at `address` as `authority`, over one HTTP/2 connection."""

    def __init__(self, address: Address, authority: str) -> None:
        self._channel = grpc.aio.insecure_channel(
            f"{address[0]}:{address[1]}",
            options=[*GRPC_OPTIONS, ("grpc.default_authority", authority)],
        )
        self._hello: grpc.aio.UnaryUnaryMultiCallable[HelloRequest, HelloReply] = (
            self._channel.unary_unary(
                SAY_HELLO,
                request_serializer=HelloRequest.SerializeToString,
                response_deserializer=HelloReply.FromString,
            )
        )

    async def call(self, *, canary: bool) -> Reply:
        metadata = (CANARY,) if canary else ()
        call = self._hello(HelloRequest(name="mesh"), timeout=CALL_SECONDS, metadata=metadata)
        try:
            reply = await call
            headers = await call.initial_metadata()
        except grpc.aio.AioRpcError as error:
            raise CallError(f"{error.code().name}: {error.details()}") from error
        route = next((str(value) for key, value in headers if key == ROUTE), "")
        return Reply(reply.version, reply.pod, route, reply.caller, reply.certificate)

    async def close(self) -> None:
        await self._channel.close()


class HttpCaller:
    """Calls the web service at `address` as `authority`, over one connection."""

    def __init__(self, address: Address, authority: str) -> None:
        self._url = f"http://{address[0]}:{address[1]}/hello"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=3600),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
            headers={"Host": authority},
        )

    async def call(self, *, canary: bool) -> Reply:
        headers = dict((CANARY,)) if canary else {}
        try:
            async with self._session.post(self._url, data=b"mesh", headers=headers) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CallError(f"{type(error).__name__}: {error}") from error
        if response.status != 200:
            raise CallError(f"HTTP {response.status}")
        found = response.headers
        names = ("x-version", "x-pod", ROUTE, "x-caller", "x-certificate")
        return Reply(*(found.get(name, "") for name in names))

    async def close(self) -> None:
        await self._session.close()
