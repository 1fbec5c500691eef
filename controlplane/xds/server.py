"""Discovery services over gRPC: carry bytes between streams and sessions, decide nothing."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import grpc
from envoy.service.discovery.v3 import ads_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from envoy.service.secret.v3 import sds_pb2

from controlplane import telemetry
from controlplane.tasks import Clock, spawn
from controlplane.xds import node
from controlplane.xds.callers import Anybody, Callers, UnauthenticatedError
from controlplane.xds.grpcserver import GrpcServer, Limits
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.reports import Acked, Nacked, Waited, kind, short
from controlplane.xds.requests import ProtocolError, Request, delta_request, sotw_request
from controlplane.xds.resources import PUSH_ORDER
from controlplane.xds.responses import Splices
from controlplane.xds.rollout import Timing
from controlplane.xds.session import Session
from sds.identity import SpiffeId
from translators.wire import SECRET, VIRTUAL_HOST

SERVICE: Final = ads_pb2.DESCRIPTOR.services_by_name["AggregatedDiscoveryService"].full_name
SECRET_SERVICE: Final = sds_pb2.DESCRIPTOR.services_by_name["SecretDiscoveryService"].full_name
# what proxies and agents ask for; some of it is never answered, as with istiod
SERVED: Final = frozenset(
    (
        *PUSH_ORDER,
        VIRTUAL_HOST,
        "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "type.googleapis.com/istio.networking.nds.v1.NameTable",
        "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig",
        "type.googleapis.com/istio.v1.HealthInformation",
    )
)
_VERSION: Final = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?(-[a-z]{1,10}(\.\d{1,2})?)?")
Message: TypeAlias = DeltaDiscoveryRequest | DiscoveryRequest
Context: TypeAlias = "grpc.aio.ServicerContext[Any, bytes]"


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
        root_namespace: str = "istio-system",
    ) -> None:
        self._root = root_namespace
        self._hub = hub
        self._clock = clock
        self._timing = timing
        self._limits = limits
        self._metrics = metrics
        self._ready = ready
        self._splices = Splices()
        self._log = telemetry.log("ads")
        self._server: GrpcServer | None = None

    async def start(self, address: str) -> int:
        """Listen in plaintext on `address` (host:port, port 0 for any free one), where nobody has
        to prove anything and no secret is served; the port that was bound.

        Raises OSError when the address cannot be bound.
        """
        self._server = GrpcServer(self._limits, (self.aggregated(Anybody()),), (SERVICE,))
        return await self._server.start(address)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def aggregated(self, callers: Callers) -> grpc.GenericRpcHandler:
        """ADS for a port whose callers `callers` knows."""
        return self._handler(SERVICE, "AggregatedResources", callers, None)

    def secrets(self, callers: Callers) -> grpc.GenericRpcHandler:
        """SDS as a service of its own."""
        return self._handler(SECRET_SERVICE, "Secrets", callers, SECRET)

    def _handler(
        self, service: str, what: str, callers: Callers, only: str | None
    ) -> grpc.GenericRpcHandler:
        async def delta(_: Any, context: Context) -> None:
            await _Stream(self, context, callers=callers, delta=True, only=only).run()

        async def sotw(_: Any, context: Context) -> None:
            await _Stream(self, context, callers=callers, delta=False, only=only).run()

        return grpc.method_handlers_generic_handler(
            service,
            {
                f"Delta{what}": grpc.stream_stream_rpc_method_handler(
                    delta, request_deserializer=DeltaDiscoveryRequest.FromString
                ),
                f"Stream{what}": grpc.stream_stream_rpc_method_handler(
                    sotw, request_deserializer=DiscoveryRequest.FromString
                ),
            },
        )


def _version(text: str) -> str:
    """A node's version as a label: it is the node's own word, and labels are kept for good."""
    return text if _VERSION.fullmatch(text) else "unknown"


class _DeniedError(Exception):
    """The caller may not have what it asks for."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Stream:
    """One stream: a reader that feeds the session, a writer that sends what it gives."""

    def __init__(
        self,
        server: AdsServer,
        context: Context,
        *,
        callers: Callers,
        delta: bool,
        only: str | None,
    ) -> None:
        self._server = server
        self._context = context
        self._callers = callers
        self._delta = delta
        self._only = only
        self._wake = asyncio.Event()
        self._ended = False
        self._caller: SpiffeId | None = None

    async def run(self) -> None:
        if not self._server._ready():
            await self._context.abort(
                grpc.StatusCode.UNAVAILABLE,
                "server is not ready to serve discovery information",
            )
        try:
            self._caller = caller = await self._callers.identify(
                self._context.peer(), self._context.invocation_metadata() or ()
            )
        except UnauthenticatedError:
            await self._context.abort(grpc.StatusCode.UNAUTHENTICATED, "authentication failure")
        first = await self._read()
        if first is None:
            return
        try:
            proxy = node.proxy(first.node, caller=caller)
            request = self._request(first)
        except (node.NodeError, ProtocolError) as error:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except _DeniedError as denied:
            await self._context.abort(denied.code, str(denied))
        except node.NotAuthorisedError as error:
            self._server._log.warning("not_authorised", proxy=first.node.id, error=str(error))
            await self._context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
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
        version = _version(proxy.version)
        metrics.streams.labels(version).inc()
        try:
            refused = await self._serve(seat, request)
        finally:
            metrics.streams.labels(version).dec()
            self._server._hub.leave(seat)
        if refused is not None:
            await self._context.abort(*refused)

    async def _serve(self, seat: Seat, first: Request) -> tuple[grpc.StatusCode, str] | None:
        """Until the client has ended the stream, or said what it may not say: that is told."""
        refused: tuple[grpc.StatusCode, str] | None = None
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
            refused = (
                grpc.StatusCode.INVALID_ARGUMENT,
                "; ".join(str(error) for error in errors.exceptions),
            )
        except* _DeniedError as errors:
            denied = errors.exceptions[0]
            if isinstance(denied, _DeniedError):
                refused = (denied.code, str(denied))
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
                name = kind(response.type_url)
                metrics.pushes.labels(short(response.type_url)).inc()
                metrics.bytes.labels(name).inc(len(encoded))
                metrics.resources.labels(name).inc(len(response.resources))
                metrics.removals.labels(name).inc(len(response.removed))
                # counted first: the answer may be here before the write returns
                await self._context.write(encoded)
            deadline = seat.session.deadline()
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(0.0, deadline - clock.monotonic())
                ):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _report(self, seat: Seat) -> None:
        """Events of the session, into metrics and the log."""
        metrics, log = self._server._metrics, self._server._log
        for event in seat.session.events():
            match event:
                case Acked(type_url, _):
                    if seat.published:
                        now = self._server._clock.monotonic()
                        metrics.convergence.observe(now - seat.published)
                        if type_url == SECRET:
                            metrics.secret_seconds.observe(now - seat.published)
                case Nacked(type_url, culprits, text):
                    metrics.rejects.inc()
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
        if self._only is not None:
            message.type_url = message.type_url or self._only
            if message.type_url != self._only:
                raise ProtocolError(f"{message.type_url} is not served here, only {self._only}")
        elif message.type_url and message.type_url not in SERVED:
            self._must_be_root()
        if isinstance(message, DeltaDiscoveryRequest):
            return delta_request(message)
        return sotw_request(message)

    def _must_be_root(self) -> None:
        """Types that we do not know are the control plane's own business (istiod's texts)."""
        if self._caller is None:
            raise _DeniedError(
                grpc.StatusCode.UNAUTHENTICATED,
                "the api generator requires an authenticated control-plane identity",
            )
        if self._caller.namespace != self._server._root:
            raise _DeniedError(
                grpc.StatusCode.PERMISSION_DENIED,
                "the api generator is restricted to the control-plane (root) namespace",
            )
