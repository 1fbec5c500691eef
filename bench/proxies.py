"""One real Envoy: how long until a change is in force there.

A sidecar that binds its own listener (captureMode NONE) and whose route table has as many virtual
hosts as its namespace has services.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.mesh import HEADER, Directory, Mesh
from bench.process import usage
from bench.relay import Relay, relay
from bench.result import Figure, Goal, Result, one
from bench.samples import milliseconds
from tests.e2e.hitless import proxy_of, write_mesh
from tests.fakes import shop
from tests.fakes.backends import backends
from tests.fakes.control import ControlPlane
from tests.fakes.envoy import Envoy, envoy
from tests.fakes.traffic import Connection
from translators.bootstrap import Places, bootstrap
from translators.model import ProxyType
from translators.wire import ASSIGNMENT

PAUSE = 0.05
PATIENCE = 30.0
# addresses of one /24 are enough: they only have to be new
_FRESH = 250


@dataclass(frozen=True, slots=True)
class Stage:
    """A control plane, one Envoy on it, and the directory that is changed."""

    control: ControlPlane
    directory: Directory
    proxy: Envoy
    mesh: Mesh
    relay: Relay | None


async def weight(directory: Path, *, hosts: int, repeats: int, goal: Goal) -> Result:
    """Weight change -> end of the first answer that shows it; requests follow each other on one
    connection and are never tried again."""
    async with _stage(directory, hosts=hosts, relayed=False) as stage:
        connection = await Connection.open(shop.CLIENT, shop.PORT)
        await _shown(connection, "0")
        before = _cpu(stage)
        taken = []
        for number in range(1, repeats + 1):
            await asyncio.sleep(PAUSE)
            share = 50 + number % 2
            routes = shop.routes(
                f"w{number}", ("web", "v1", share), ("web", "v2", 100 - share), gateways=False
            )
            at = stage.directory.put("routes.yaml", routes)
            await _shown(connection, f"w{number}")
            taken.append(time.monotonic() - at)
        await connection.close()
        spent = _cpu(stage) - before
    return Result(
        f"weight{hosts}",
        (
            Figure("file renamed -> first request that shows it", "ms", milliseconds(taken), goal),
            one("server CPU for each change", "ms", spent / repeats * 1000),
        ),
    )


async def endpoint(directory: Path, *, services: int, repeats: int, goal: Goal) -> Result:
    """EndpointSlice rewritten -> Envoy's acknowledgement, as the relay in between sees it."""
    async with _stage(directory, hosts=services, relayed=True) as stage:
        assert stage.relay is not None
        before = _cpu(stage)
        taken, carried, inside = [], [], []
        for number in range(repeats):
            await asyncio.sleep(PAUSE)
            expected = stage.relay.expect(ASSIGNMENT)
            target = number % (services - 1)
            fresh = f"10.99.0.{number % _FRESH + 1}"
            at = stage.directory.put(
                f"svc-{target:04d}.slice.json", stage.mesh.slice_of(target, fresh)
            )
            async with asyncio.timeout(PATIENCE):
                seen = await expected
            assert not seen.refused
            taken.append(seen.answered - at)
            carried.append(seen.passed - seen.received)
            inside.append(seen.answered - seen.passed)
        spent = _cpu(stage) - before
    return Result(
        f"endpoint{services}",
        (
            Figure("file renamed -> Envoy's ACK", "ms", milliseconds(taken), goal),
            Figure("of that: relay, one way", "ms", milliseconds(carried)),
            Figure("of that: Envoy, and the relay's reading", "ms", milliseconds(inside)),
            one("server CPU for each change", "ms", spent / repeats * 1000),
        ),
    )


async def _shown(connection: Connection, step: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await connection.get(shop.HOST, "/", {})
            assert answer.status == 200, f"{answer.status} {answer.body!r}"
            if answer.headers.get(HEADER) == step:
                return


def _cpu(stage: Stage) -> float:
    assert stage.control.process is not None
    return usage(stage.control.process.pid).cpu


@asynccontextmanager
async def _stage(directory: Path, *, hosts: int, relayed: bool) -> AsyncIterator[Stage]:
    """Everything runs and has settled; `hosts` services, of which one (web) has backends."""
    control = ControlPlane(directory)
    mesh = Mesh(hosts - 1, namespaces=1, port=shop.PORT, prefix=shop.NAMESPACE)
    files = Directory(control.config)
    files.fill(mesh)
    write_mesh(control)
    proxy = proxy_of(ProxyType.SIDECAR)
    async with backends(shop.PLACES):
        await control.start()
        try:
            async with _maybe_relay(control.ads, relayed) as between:
                port = control.ads if between is None else between.port
                boot = bootstrap(proxy, Places(discovery=("127.0.0.1", port)))
                async with envoy(boot, directory) as running:
                    await running.wait_ready(60.0)
                    yield Stage(control, files, running, mesh, between)
        finally:
            await control.stop()


@asynccontextmanager
async def _maybe_relay(target: int, wanted: bool) -> AsyncIterator[Relay | None]:
    if not wanted:
        yield None
        return
    async with relay(target) as made:
        yield made
