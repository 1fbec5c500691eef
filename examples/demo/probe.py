"""Requests back to back on both ways into the mesh, to find the first that shows a change."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from examples.demo.calls import Caller
from examples.demo.ledger import Ledger, Outcome
from examples.demo.traffic import FLOWS, GRPC_INGRESS, GRPC_SIDECAR, Flow, request

WAYS: Final = {"sidecar": GRPC_SIDECAR, "ingress": GRPC_INGRESS}
# flow -> as whom the servers must know the caller
CALLERS: Final = {
    **{flow.name: flow.through.identity for flow in FLOWS},
    **{f"probe, {way}": flow.through.identity for way, flow in WAYS.items()},
}
SHOW_SECONDS: Final = 15.0
WARM_SECONDS: Final = 0.1  # of requests before a change is written
PAUSE_SECONDS: Final = 0.05  # after a failure


@dataclass(frozen=True, slots=True)
class Shown:
    """Per way, when the first request that showed the change was answered (perf_counter); the
    ways that never did are not there."""

    written: float
    at: Mapping[str, float]

    @property
    def milliseconds(self) -> dict[str, float]:
        return {way: (time - self.written) * 1000 for way, time in self.at.items()}

    @property
    def missing(self) -> list[str]:
        return [way for way in WAYS if way not in self.at]


class Probe:
    """Sends only while a change is awaited."""

    def __init__(self, ledger: Ledger, callers: Mapping[str, Caller]) -> None:
        self._ledger = ledger
        self._callers = callers

    async def after(
        self,
        write: Callable[[], float],
        shows: Callable[[Outcome], bool],
        *,
        canary: bool = False,
    ) -> Shown:
        """Let requests flow, `write` (which says when it did), and wait until each way has shown
        it, or SHOW_SECONDS passed."""
        stop = asyncio.Event()
        first: dict[str, float] = {}
        written = float("inf")

        async def watch(way: str, caller: Caller) -> None:
            while not stop.is_set():
                outcome = await self._request(way, caller, canary=canary)
                if outcome.ended > written and not outcome.error and shows(outcome):
                    first[way] = outcome.ended
                    return

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(watch(way, caller), name=f"probe {way}")
                for way, caller in self._callers.items()
            ]
            await asyncio.sleep(WARM_SECONDS)
            written = write()
            await asyncio.wait(tasks, timeout=SHOW_SECONDS)
            stop.set()
        return Shown(written, first)

    async def last(
        self, write: Callable[[], float], meets: Callable[[Outcome], bool], *, seconds: float
    ) -> Shown:
        """The same for what shall no longer be met: when the last request that met it was
        answered, steady ones too. A way is missing on which one that started in the second half
        of `seconds` met it still."""
        stop = asyncio.Event()

        async def send(way: str, caller: Caller) -> None:
            while not stop.is_set():
                await self._request(way, caller, canary=False)

        async with asyncio.TaskGroup() as group:
            for way, caller in self._callers.items():
                group.create_task(send(way, caller), name=f"probe {way}")
            await asyncio.sleep(WARM_SECONDS)
            written = write()
            await asyncio.sleep(seconds)
            stop.set()
        last = dict.fromkeys(self._callers, written)
        for outcome in self._ledger.ended_since(written):
            way = _way(outcome)
            if way in last and meets(outcome):
                if outcome.started > written + seconds / 2:
                    del last[way]
                else:
                    last[way] = max(last[way], outcome.ended)
        return Shown(written, last)

    async def _request(self, way: str, caller: Caller, *, canary: bool) -> Outcome:
        outcome = await request(self._ledger, f"probe, {way}", caller, canary=canary)
        if outcome.error:
            await asyncio.sleep(PAUSE_SECONDS)
        return outcome


@asynccontextmanager
async def probing(ledger: Ledger, ways: Mapping[str, Flow] = WAYS) -> AsyncIterator[Probe]:
    """A probe with a kept connection on each way."""
    callers = {way: flow.open() for way, flow in ways.items()}
    try:
        yield Probe(ledger, callers)
    finally:
        for caller in callers.values():
            await caller.close()


def _way(outcome: Outcome) -> str:
    """Which way a request went that the greeter answered; "" for others."""
    return next(
        (way for way, flow in WAYS.items() if outcome.flow in (flow.name, f"probe, {way}")), ""
    )
