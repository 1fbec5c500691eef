"""The pace: one pass for what has gathered, none for nothing, and one when a time has come."""

import asyncio
from datetime import UTC, datetime

from controlplane.convergence import Options, World
from controlplane.kinds import Key
from controlplane.loop import Loop
from controlplane.publication import Publication
from controlplane.sources.changes import Listed, Put
from controlplane.sources.memory import NAME, MemorySource
from controlplane.sources.store import Store
from controlplane.telemetry import Telemetry
from controlplane.xds.hub import Hub
from controlplane.xds.resources import Shelf
from tests.fakes import shop
from tests.features.client import until
from translators import Memo

ROUTES = Key("VirtualService", shop.NAMESPACE, "web")


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 100.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


class Kept:
    def __init__(self) -> None:
        self.generations: list[tuple[int, int]] = []

    def keep(self, before: World, after: World) -> None:
        self.generations.append((before.generation, after.generation))


class Stand:
    """A loop without servers."""

    def __init__(self, *, ready_wait: float = 10.0) -> None:
        self.clock, self.metrics, self.kept = SetClock(), Telemetry(), Kept()
        self.wake, memo = asyncio.Event(), Memo()
        self.store = Store([NAME], on_change=self.wake.set)
        self.loop = Loop(
            self.store,
            Publication(Hub(), memo=memo, shelf=Shelf()),
            options=Options(ready_wait=ready_wait),
            clock=self.clock,
            metrics=self.metrics,
            memo=memo,
            kept={},
            keeper=self.kept,
            wake=self.wake,
        )

    @property
    def passes(self) -> float:
        return self.metrics.registry.get_sample_value("meshpilot_passes_total") or 0


def shopful(source: MemorySource) -> None:
    source.put(
        shop.service("web", {"app": "web"}),
        shop.rule({"v1": "v1", "v2": "v2"}),
        shop.pod("v1", shop.PLACES["v1"][0], app="web", version="v1"),
        shop.routes("1", ("web", "v1", 100), gateways=False),
    )


async def test_nothing_passes_before_every_source_has_listed() -> None:
    stand = Stand()
    running = asyncio.create_task(stand.loop.run())
    stand.store.apply([Put(NAME, "web", shop.service("web", {}))])
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stand.loop.ready
    assert stand.passes == 0
    stand.store.apply([Listed(NAME)])
    await until(lambda: stand.loop.ready, "the first pass")
    assert Key("Service", shop.NAMESPACE, "web") in stand.loop.world.accepted
    running.cancel()


async def test_what_gathers_is_one_pass() -> None:
    stand = Stand()
    source = MemorySource(stand.store)
    running = asyncio.create_task(stand.loop.run())
    await until(lambda: stand.loop.ready, "the first pass")
    before = stand.passes
    for number in range(5):
        source.put(shop.service(f"s{number}", {}))
    await until(lambda: not stand.wake.is_set(), "the pass")
    assert stand.passes == before + 1
    assert len(stand.loop.world.accepted) == 5
    running.cancel()


async def test_the_first_pass_makes_an_empty_world_ready() -> None:
    stand = Stand()
    MemorySource(stand.store)
    assert not stand.loop.ready
    assert stand.loop.step()
    assert stand.loop.ready
    assert not stand.loop.step()
    assert stand.passes == 1


async def test_what_is_kept_hears_of_each_pass() -> None:
    stand = Stand()
    source = MemorySource(stand.store)
    stand.loop.step()
    shopful(source)
    stand.loop.step()
    assert stand.kept.generations == [(0, 1), (1, 2)]
    assert stand.metrics.registry.get_sample_value("meshpilot_generation") == 2


async def test_an_object_that_waits_goes_into_force_when_its_time_has_come() -> None:
    stand = Stand(ready_wait=10.0)
    source = MemorySource(stand.store)
    shopful(source)
    stand.loop.step()
    # v2 has no endpoint
    source.put(shop.routes("2", ("web", "v2", 100), gateways=False))
    assert stand.loop.step()
    assert stand.loop.world.held.keys() == {ROUTES}
    assert stand.metrics.registry.get_sample_value("meshpilot_held_objects") == 1
    assert [v.reason for v in stand.loop.verdicts()[ROUTES]] == ["WaitingForEndpoints"]
    stand.clock.time += 9.9
    assert not stand.loop.step()
    stand.clock.time += 0.1
    assert stand.loop.step()
    assert not stand.loop.world.held
    assert stand.loop.verdicts().get(ROUTES, ()) == ()


async def test_a_refusal_is_a_verdict_and_counted() -> None:
    stand = Stand()
    source = MemorySource(stand.store)
    shopful(source)
    stand.loop.step()
    source.put(shop.routes("2", ("web", "v1", 60), ("web", "v2", 60), gateways=False))
    stand.loop.step()
    assert stand.metrics.registry.get_sample_value("pilot_total_rejected_configs") == 1
    assert "WeightSum" in [v.reason for v in stand.loop.verdicts()[ROUTES]]
    assert ROUTES in stand.loop.world.in_force
