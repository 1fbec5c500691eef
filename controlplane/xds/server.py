"""ADS over gRPC: carries bytes between streams and sessions, decides nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
from envoy.service.discovery.v3 import ads_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from grpc_reflection.v1alpha import reflection

from controlplane import telemetry
from controlplane.tasks import Clock, spawn
from controlplane.xds import node
from controlplane.xds.fleet import FleetGates
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.reports import Acked, Nacked, Waited, kind
from controlplane.xds.requests import ProtocolError, Request, delta_request, sotw_request
from controlplane.xds.responses import Splices
from controlplane.xds.rollout import Timing
from controlplane.xds.session import Session

SERVICE: Final = ads_pb2.DESCRIPTOR.services_by_name["AggregatedDiscoveryService"].full_name
Message: TypeAlias = DeltaDiscoveryRequest | DiscoveryRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """istiod's limits (seconds and bytes)."""

    streams: int = 100_000
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
            ("grpc.so_reuseport", 0),
        ]


class AdsServer:
    """The aggregated discovery service, delta and SotW."""

    def __init__(
        self,
        hub: Hub,
        *,
        clock: Clock,
        timing: Timing,
        limits: Limits,
        metrics: telemetry.Telemetry,
        ready: Callable[[], bool],
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._timing = timing
        self._limits = limits
        self._metrics = metrics
        self._ready = ready
        self._splices = Splices()
        self.gates = FleetGates(hub)
        self._log = telemetry.log("ads")
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str) -> int:
        """Listen on `address` (host:port, port 0 for any free one); the port that was bound.

        Raises OSError when the address cannot be bound.
        """
        server = grpc.aio.server(options=self._limits.options())
        server.add_generic_rpc_handlers((self._handlers(),))
        reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)
        try:
            port: int = server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen for ADS on {address}: {error}") from error
        await server.start()
        self._server = server
        return port

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(self._limits.grace / 10)

    def _handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(
                    self._delta, request_deserializer=DeltaDiscoveryRequest.FromString
                ),
                "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(
                    self._sotw, request_deserializer=DiscoveryRequest.FromString
                ),
            },
        )

    async def _delta(self, _: Any, context: "grpc.aio.ServicerContext[Any, bytes]") -> None:
        await _Stream(self, context, delta=True).run()

    async def _sotw(self, _: Any, context: "grpc.aio.ServicerContext[Any, bytes]") -> None:
        await _Stream(self, context, delta=False).run()


class _Stream:
    """One stream: a reader that feeds the session, a writer that sends what it gives."""

    def __init__(
        self, server: AdsServer, context: "grpc.aio.ServicerContext[Any, bytes]", *, delta: bool
    ) -> None:
        self._server = server
        self._context = context
        self._delta = delta
        self._wake = asyncio.Event()
        self._ended = False

    async def run(self) -> None:
        if not self._server._ready():
            await self._context.abort(
                grpc.StatusCode.UNAVAILABLE,
                "server is not ready to serve discovery information",
            )
        first = await self._read()
        if first is None:
            return
        try:
            proxy = node.proxy(first.node)
            request = self._request(first)
        except (node.NodeError, ProtocolError) as error:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        session = Session(
            delta=self._delta,
            timing=self._server._timing,
            stream=proxy.id,
            full_state=proxy.generator == node.GRPC,
            splices=self._server._splices,
            cold=self._server._hub.recall(proxy.id),
        )
        seat = self._server._hub.join(
            proxy,
            session,
            wake=self._wake.set,
            since=self._server._clock.now(),
            address=self._context.peer(),
            now=self._server._clock.monotonic(),
        )
        metrics = self._server._metrics
        metrics.streams.labels(proxy.version or "unknown").inc()
        try:
            refused = await self._serve(seat, request)
        finally:
            metrics.streams.labels(proxy.version or "unknown").dec()
            self._server._hub.leave(seat)
        if refused:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, refused)

    async def _serve(self, seat: Seat, first: Request) -> str:
        """Until the client has ended the stream, or said what no client may say: that is told."""
        refused = ""
        try:
            seat.session.request(first, self._server._clock.monotonic())
            self._wake.set()
            async with asyncio.TaskGroup() as group:
                reader = spawn(group, f"ads-read {seat.id}", self._reading(seat))
                try:
                    await self._writing(seat)
                finally:
                    reader.cancel()
        except* ProtocolError as errors:
            refused = "; ".join(str(error) for error in errors.exceptions)
        return refused

    async def _reading(self, seat: Seat) -> None:
        try:
            while (message := await self._read()) is not None:
                seat.session.request(self._request(message), self._server._clock.monotonic())
                self._report(seat)
                self._wake.set()
        finally:
            self._ended = True
            self._wake.set()

    async def _writing(self, seat: Seat) -> None:
        clock, metrics = self._server._clock, self._server._metrics
        while not self._ended:
            self._wake.clear()
            responses = seat.session.poll(clock.monotonic())
            self._report(seat)
            for response in responses:
                encoded = response.encode()
                await self._context.write(encoded)
                name = kind(response.type_url)
                metrics.pushes.labels(name).inc()
                metrics.bytes.labels(name).inc(len(encoded))
                metrics.resources.labels(name).inc(len(response.resources))
                metrics.removals.labels(name).inc(len(response.removed))
            deadlines = (seat.session.deadline(), self._server.gates.deadline())
            deadline = min((at for at in deadlines if at is not None), default=None)
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(0.0, deadline - clock.monotonic())
                ):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._open_gates(clock.monotonic())

    def _open_gates(self, now: float) -> None:
        for opened in self._server.gates.check(now):
            if opened.lagging:
                self._server._metrics.waits.inc()
                self._server._log.warning(
                    "wait_ran_out", what=f"fleet gate {opened.id}", why=list(opened.lagging)
                )

    def _report(self, seat: Seat) -> None:
        """Events of the session, into metrics and the log."""
        metrics, log = self._server._metrics, self._server._log
        for event in seat.session.events():
            match event:
                case Acked(type_url, _):
                    if seat.published:
                        now = self._server._clock.monotonic()
                        metrics.convergence.labels(kind(type_url)).observe(now - seat.published)
                case Nacked(type_url, culprits, text):
                    metrics.rejects.labels(kind(type_url)).inc()
                    names = [name for name, _ in culprits]
                    log.warning(
                        "nack", proxy=seat.id, type=kind(type_url), resources=names, error=text
                    )
                case Waited(what, seconds, why):
                    metrics.waits.inc()
                    log.warning("wait_ran_out", proxy=seat.id, what=what, s=seconds, why=why)

    async def _read(self) -> Message | None:
        message = await self._context.read()
        return None if message is grpc.aio.EOF else message

    def _request(self, message: Message) -> Request:
        if isinstance(message, DeltaDiscoveryRequest):
            return delta_request(message)
        return sotw_request(message)
