"""The ADS debug client: carries a conversation to any xDS server over gRPC. Decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from envoy.service.discovery.v3 import ads_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse, DiscoveryResponse

from controlplane.xds.conversation import Conversation, Received

_SERVICE: Final = ads_pb2.DESCRIPTOR.services_by_name["AggregatedDiscoveryService"].full_name
_OPTIONS: Final = (("grpc.max_receive_message_length", -1),)
# how calls say that there is a status
_ENDED: Final = (grpc.aio.AioRpcError, asyncio.InvalidStateError)


class StreamEndedError(Exception):
    """The server cannot be reached, or has ended the stream: the status, and its text."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(f"{status}: {text}" if text else status)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Access:
    """Where a server is and how it lets one in. Without `roots`, the system's are used.

    `roots`, `certificate` and `key` are PEM; `token` is sent as a bearer token.
    """

    address: str
    tls: bool = False
    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)
    server_name: str = ""


class Stream:
    """An open stream that a conversation is led on."""

    def __init__(self, call: Any, conversation: Conversation) -> None:
        self._call = call
        self._conversation = conversation
        self._ended: StreamEndedError | None = None
        call.add_done_callback(self._note)

    async def receive(self) -> Received:
        """The next response, which is answered. Cancelling this ends the stream.

        Raises StreamEndedError.
        """
        message = grpc.aio.EOF
        with suppress(*_ENDED):
            await self._send()
            message = await self._call.read()
        if message is not grpc.aio.EOF:
            received = self._conversation.receive(message)
            # a stream that ends here is told by the next call
            with suppress(*_ENDED):
                await self._send()
            return received
        # an end of the stream is noted before it is told, except that of a stream cancelled here
        raise self._ended or StreamEndedError("CANCELLED", "")

    async def _send(self) -> None:
        for request in self._conversation.take():
            await self._call.write(request)

    def _note(self, call: Any) -> None:
        # at once: a write that crosses the end puts a status of its own in place of the server's
        if self._ended is None:
            self._ended = StreamEndedError(_known(call.code()).name, _known(call.details()) or "")


def _known(asked: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value
    asked.close()
    raise RuntimeError("the status of a call that is done is not known")


@asynccontextmanager
async def dial(access: Access, conversation: Conversation) -> AsyncIterator[Stream]:
    """A stream to the server, of the variant that the conversation speaks."""
    async with _channel(access) as channel:
        delta = conversation.delta
        method = "DeltaAggregatedResources" if delta else "StreamAggregatedResources"
        answer: Any = DeltaDiscoveryResponse if delta else DiscoveryResponse
        call = channel.stream_stream(
            f"/{_SERVICE}/{method}",
            request_serializer=_serialised,
            response_deserializer=answer.FromString,
        )(metadata=(("authorization", f"Bearer {access.token}"),) if access.token else None)
        try:
            yield Stream(call, conversation)
        finally:
            call.cancel()


def _serialised(request: Any) -> bytes:
    encoded: bytes = request.SerializeToString()
    return encoded


def _channel(access: Access) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = list(_OPTIONS)
    if not access.tls:
        return grpc.aio.insecure_channel(access.address, options=options)
    if access.server_name:
        options.append(("grpc.ssl_target_name_override", access.server_name))
    credentials = grpc.ssl_channel_credentials(access.roots, access.key, access.certificate)
    return grpc.aio.secure_channel(access.address, credentials, options=options)
