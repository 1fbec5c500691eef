"""Many clients on one control plane: from a change to the last client, connecting, coming back."""

import asyncio
import json
import pickle
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.mesh import Directory, Mesh
from bench.process import Usage, usage
from bench.result import NO_GOAL, Figure, Goal, Result, one
from bench.samples import Samples, milliseconds
from tests.fakes.control import ControlPlane
from translators.wire import ASSIGNMENT, ROUTE

ROOT = Path(__file__).parents[1]
PAUSE = 0.3
# as long as it takes until a server notices that all its streams are gone
AWAY = 1.5
_LINE = 64 << 20

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. `goals` only hold for the fleet that they were set for."""

    clients: int
    services: int
    changes: int
    colds: int

    def goal(self, goal: Goal) -> Goal:
        return goal if (self.clients, self.services) == (100, 1000) else NO_GOAL


@dataclass(frozen=True, slots=True)
class Piped:
    """A process that is told things by lines, and answers by lines."""

    process: asyncio.subprocess.Process

    async def ask(self, **order: object) -> Answer:
        self.tell(json.dumps(order))
        answer: Answer = json.loads(await self.line())
        return answer

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def line(self) -> str:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a measuring process ended: {await self.process.wait()}")
        return line.decode()


@dataclass(slots=True)
class Bench:
    """The fleet, its server and what is changed."""

    size: Size
    mesh: Mesh
    files: Directory
    recording: Path
    server: int
    crowd: Piped
    step: int = 0

    def usage(self) -> Usage:
        return usage(self.server)

    async def change(self, type_url: str) -> tuple[float, Answer]:
        """One change: when it was written, and when it had reached whom."""
        self.step += 1
        if type_url == ROUTE:
            # every fourth service has routes
            number = self.step * 4 % self.size.services
            marker = f"step-{self.step:06d}-"
            name = f"svc-{number:04d}.routes.json"
            document = self.mesh.routes(number, marker, 50 + self.step % 40)
        else:
            number = self.step % self.size.services
            marker = f"10.99.{100 + self.step // 100}.{100 + self.step % 100}"
            name = f"svc-{number:04d}.slice.json"
            document = self.mesh.slice_of(number, marker)
        await self.crowd.ask(do="expect", type=type_url, marker=marker)
        at = self.files.put(name, document)
        return at, await self.crowd.ask(do="collect")


async def fleet(directory: Path, size: Size, *, tell: Callable[[str], None]) -> Result:
    """All of it, on one control plane and one mesh."""
    control = ControlPlane(directory)
    mesh, files = Mesh(size.services), Directory(control.config)
    files.fill(mesh)
    await control.start()
    try:
        assert control.process is not None
        async with _piped("bench.crowd", control.ads, size.clients, size.services) as crowd:
            recording = directory / "recording"
            bench = Bench(size, mesh, files, recording, control.process.pid, crowd)
            figures: list[Figure] = []
            for part in (_cold, _route, _endpoint, _back):
                tell(f"fleet of {size.clients}: {part.__name__.strip('_')}")
                figures += await part(bench)
            memory = bench.usage()
            figures.append(one("server memory", "MB", memory.rss))
            figures.append(one("server memory at its peak", "MB", memory.peak))
    finally:
        await control.stop()
    tell(f"fleet of {size.clients}: floor")
    figures += await _floor(recording, directory, size)
    facts = {"clients": size.clients, "services": size.services, "endpoints of each": 2}
    return Result(f"fleet{size.clients}", tuple(figures), facts)


async def _cold(bench: Bench) -> list[Figure]:
    """All connect at once and hold nothing."""
    last, first, client, server, size = [], [], [], [], []
    for number in range(bench.size.colds):
        if number:
            await bench.crowd.ask(do="drop")
            await asyncio.sleep(AWAY)
        before = bench.usage().cpu
        found = await bench.crowd.ask(do="connect", resume=False)
        await asyncio.sleep(PAUSE)
        server.append(bench.usage().cpu - before)
        last.append(max(found["seconds"]))
        first.append(min(found["seconds"]))
        client.append(found["cpu"])
        size.append(found["bytes"] / bench.size.clients)
    await bench.crowd.ask(do="record", path=str(bench.recording))
    goal = bench.size.goal(Goal(p50=2.0, istiod="5.8 s"))
    return [
        Figure("all connect -> last is complete", "s", Samples(tuple(last)), goal),
        Figure("all connect -> first is complete", "s", Samples(tuple(first))),
        Figure("connecting: server CPU", "s", Samples(tuple(server))),
        Figure("connecting: clients' CPU", "s", Samples(tuple(client))),
        Figure("connecting: to each client", "bytes", Samples(tuple(size))),
    ]


async def _route(bench: Bench) -> list[Figure]:
    return await _changes(bench, ROUTE, "weight", Goal(p50=150, istiod="568 ms"))


async def _endpoint(bench: Bench) -> list[Figure]:
    return await _changes(bench, ASSIGNMENT, "endpoint", Goal(istiod="122 ms"))


async def _changes(bench: Bench, type_url: str, what: str, goal: Goal) -> list[Figure]:
    last, middle, server, client, size = [], [], [], [], []
    for _ in range(bench.size.changes):
        before = bench.usage().cpu
        at, found = await bench.change(type_url)
        times = Samples(tuple(one - at for one in found["at"]))
        last.append(max(times.values))
        middle.append(times.p50)
        client.append(found["cpu"])
        size.append(found["bytes"] / bench.size.clients)
        await asyncio.sleep(PAUSE)
        server.append(bench.usage().cpu - before)
    return [
        Figure(f"{what} change -> last client", "ms", milliseconds(last), bench.size.goal(goal)),
        Figure(f"{what} change -> median client", "ms", milliseconds(middle)),
        Figure(f"{what} change: server CPU", "ms", milliseconds(server)),
        Figure(f"{what} change: clients' CPU", "ms", milliseconds(client)),
        Figure(f"{what} change: to each client", "bytes", Samples(tuple(size))),
    ]


async def _back(bench: Bench) -> list[Figure]:
    """All drop and come back with what they hold; a change then tells that the server has read
    it all, and what came before that change was sent again."""
    await bench.crowd.ask(do="drop")
    await asyncio.sleep(AWAY)
    before = bench.usage().cpu
    begin = time.monotonic()
    await bench.crowd.ask(do="connect", resume=True)
    _, found = await bench.change(ROUTE)
    seconds = max(found["at"]) - begin
    await asyncio.sleep(PAUSE)
    goal = bench.size.goal(Goal(p50=0, istiod="292 MB"))
    return [
        one("reconnect: bytes sent again", "bytes", found["before"], goal),
        one("reconnect, and a change -> last client", "s", seconds),
        one("reconnect: server CPU", "s", bench.usage().cpu - before),
    ]


async def _floor(recording: Path, directory: Path, size: Size) -> list[Figure]:
    """The same fleet on a server that only sends prepared bytes."""
    async with _piped("bench.floor", recording) as floor:
        port = int(await floor.line())
        async with _piped("bench.crowd", port, size.clients, size.services) as crowd:
            connected = await crowd.ask(do="connect", resume=False)
            table, pushed = directory / "table", []
            table.write_bytes(_last_table(recording))
            for _ in range(size.changes):
                # every message has the empty marker
                await crowd.ask(do="expect", type=ROUTE, marker="")
                await asyncio.sleep(PAUSE)
                at = time.monotonic()
                floor.tell(str(table))
                found = await crowd.ask(do="collect")
                pushed.append(max(found["at"]) - at)
    return [
        one("floor: all connect -> last is complete", "s", max(connected["seconds"])),
        one("floor: connecting: clients' CPU", "s", connected["cpu"]),
        Figure("floor: whole table -> last client", "ms", milliseconds(pushed)),
    ]


def _last_table(recording: Path) -> bytes:
    messages: list[tuple[str, bytes]] = pickle.loads(recording.read_bytes())
    return next(data for type_url, data in reversed(messages) if type_url == ROUTE)


@asynccontextmanager
async def _piped(module: str, *arguments: object) -> AsyncIterator[Piped]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *(str(one) for one in arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=_LINE,
    )
    try:
        yield Piped(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
