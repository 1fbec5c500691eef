"""Steady requests, over kept and new connections, each of them entered in the ledger.

A worker sends the next request when its time has come and the last one is answered. Nothing is
sent twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from examples.demo.calls import Caller, CallError, GrpcCaller, HttpCaller
from examples.demo.layout import CLIENT, INGRESS, Workload
from examples.demo.ledger import Ledger, Outcome

KEPT_WORKERS: Final = 2
NEW_SHARE: Final = 0.2  # of a flow's requests come over a connection of their own
CANARY_EVERY: Final = 5  # requests of a worker


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests of one kind on the way through one workload's Envoy; `rate` in requests per
    second."""

    name: str
    open: Callable[[], Caller]
    rate: float
    through: Workload = CLIENT


GRPC_SIDECAR: Final = Flow(
    "gRPC, sidecar", partial(GrpcCaller, CLIENT.entrance, "greeter:18080"), 100
)
GRPC_INGRESS: Final = Flow(
    "gRPC, ingress", partial(GrpcCaller, INGRESS.entrance, "greeter.example.com"), 100, INGRESS
)
HTTP_SIDECAR: Final = Flow("HTTP, sidecar", partial(HttpCaller, CLIENT.entrance, "web:18080"), 50)
HTTP_INGRESS: Final = Flow(
    "HTTP, ingress", partial(HttpCaller, INGRESS.entrance, "web.example.com"), 50, INGRESS
)
FLOWS: Final = (GRPC_SIDECAR, GRPC_INGRESS, HTTP_SIDECAR, HTTP_INGRESS)


async def request(ledger: Ledger, name: str, caller: Caller, *, canary: bool) -> Outcome:
    """Send one request and enter what became of it."""
    started = time.perf_counter()
    try:
        reply = await caller.call(canary=canary)
    except CallError as error:
        outcome = Outcome(name, started, time.perf_counter(), canary, error=str(error))
    else:
        ended = time.perf_counter()
        outcome = Outcome(
            name,
            started,
            ended,
            canary,
            version=reply.version,
            pod=reply.pod,
            route=reply.route,
            caller=reply.caller,
            certificate=reply.certificate,
        )
    ledger.add(outcome)
    return outcome


class Traffic:
    """All flows at once, until `stop`; then `run` ends when the last answers are there."""

    def __init__(self, ledger: Ledger, flows: tuple[Flow, ...] = FLOWS) -> None:
        self._ledger = ledger
        self._flows = flows
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for flow in self._flows:
                kept = flow.rate * (1 - NEW_SHARE) / KEPT_WORKERS
                for number in range(KEPT_WORKERS):
                    group.create_task(self._kept(flow, kept), name=f"{flow.name} {number}")
                group.create_task(self._new(flow, flow.rate * NEW_SHARE), name=f"{flow.name} new")

    async def _kept(self, flow: Flow, rate: float) -> None:
        caller = flow.open()
        try:
            await self._steadily(rate, lambda canary: self._request(flow, caller, canary))
        finally:
            await caller.close()

    async def _new(self, flow: Flow, rate: float) -> None:
        async def once(canary: bool) -> None:
            caller = flow.open()
            try:
                await self._request(flow, caller, canary)
            finally:
                await caller.close()

        await self._steadily(rate, once)

    async def _request(self, flow: Flow, caller: Caller, canary: bool) -> None:
        await request(self._ledger, flow.name, caller, canary=canary)

    async def _steadily(self, rate: float, once: Callable[[bool], Awaitable[None]]) -> None:
        number, due = 0, time.perf_counter()
        while not self._stopped.is_set():
            number += 1
            await once(number % CANARY_EVERY == 0)
            due = max(due + 1 / rate, time.perf_counter())
            try:
                async with asyncio.timeout(due - time.perf_counter()):
                    await self._stopped.wait()
            except TimeoutError:
                continue
