"""A gRPC server on one address: its limits, its handlers, and how it starts and stops."""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from grpc_reflection.v1alpha import reflection


@dataclass(frozen=True, slots=True)
class Limits:
    """istiod's limits (seconds and bytes)."""

    streams: int = 100_000
    pending: int = 100_000  # calls that nobody has taken up yet; gRPC's own 1,000 cancels them
    receive: int = 4 * 1024 * 1024
    keepalive_time: float = 30.0
    keepalive_timeout: float = 10.0
    keepalive_minimum: float = 15.0
    grace: float = 10.0

    def options(self) -> list[tuple[str, int]]:
        """As gRPC's channel arguments."""
        return [
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_receive_message_length", self.receive),
            ("grpc.max_send_message_length", -1),
            ("grpc.keepalive_time_ms", int(self.keepalive_time * 1000)),
            ("grpc.keepalive_timeout_ms", int(self.keepalive_timeout * 1000)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", int(self.keepalive_minimum * 1000)),
            ("grpc.server.max_pending_requests", self.pending),
            ("grpc.server.max_pending_requests_hard_limit", self.pending),
            ("grpc.so_reuseport", 0),
        ]


class GrpcServer:
    """Serves `handlers`; `services` are the names that reflection tells."""

    def __init__(
        self, limits: Limits, handlers: Sequence[grpc.GenericRpcHandler], services: Sequence[str]
    ) -> None:
        self._limits = limits
        self._handlers = tuple(handlers)
        self._services = tuple(services)
        self._server: grpc.aio.Server | None = None

    async def start(self, *addresses: str) -> int:
        """Listen in plaintext on `addresses` (host:port, unix:path or unix-abstract:name); the
        port of the first, where it has one. Raises OSError when one cannot be bound."""
        server = grpc.aio.server(options=self._limits.options())
        server.add_generic_rpc_handlers(self._handlers)
        reflection.enable_server_reflection((*self._services, reflection.SERVICE_NAME), server)
        ports: list[int] = []
        for address in addresses:
            try:
                ports.append(server.add_insecure_port(address))
            except RuntimeError as error:
                raise OSError(f"cannot listen on {address}: {error}") from error
        await server.start()
        self._server = server
        return ports[0]

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(self._limits.grace / 10)
