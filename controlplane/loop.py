"""change -> converge -> translate -> publish. It owns the pace: idle means at once, and what
changes while a pass runs is one batch for the next. There is no debounce."""

import asyncio
from collections import Counter
from typing import Final, Protocol

from controlplane import telemetry
from controlplane.convergence import Options, World, converge, restore
from controlplane.kinds import Key, Object, Verdict
from controlplane.publication import Publication
from controlplane.sources.changes import EMPTY_CONFIG, Config
from controlplane.sources.store import Store
from controlplane.tasks import Clock
from controlplane.xds.hub import Seat
from translators import Memo

# seconds: between two looks at proxies that are awaited, and from an ACK until its workers follow
_LOOK: Final = 0.02
_IN_FORCE: Final = 0.2
_NAMED: Final = 20


class Keeper(Protocol):
    """Keeps the specs that are in force, for the next start."""

    def keep(self, before: World, after: World) -> None: ...


class Loop:
    """Runs passes for as long as there are changes."""

    def __init__(
        self,
        store: Store,
        publication: Publication,
        *,
        options: Options,
        clock: Clock,
        metrics: telemetry.Telemetry,
        memo: Memo,
        kept: dict[Key, Object],
        keeper: Keeper,
        wake: asyncio.Event,
    ) -> None:
        self._store = store
        self._publication = publication
        self._clock = clock
        self._metrics = metrics
        self._memo = memo
        self._keeper = keeper
        self._log = telemetry.log("loop")
        self._counted: Counter[type] = Counter()
        self._wake = wake
        self._passed = asyncio.Event()
        self._followed: float | None = None
        self._restored = restore(kept, options)
        self.config = EMPTY_CONFIG
        self.world = self._restored if kept else World(options=options)

    @property
    def ready(self) -> bool:
        """Whether a first World has been published."""
        return self._passed.is_set()

    async def passed(self) -> None:
        """Returns when the first World has been published."""
        await self._passed.wait()

    async def run(self) -> None:
        while True:
            if self._store.synced:
                self.step()
            # whoever was woken by the pass goes first, however fast changes come
            await asyncio.sleep(0)
            await self._pause()

    async def _pause(self) -> None:
        """Until something changes, or a held object's time has come."""
        delay = None
        if self.world.wake_at is not None and self.ready:
            delay = max(0.0, self.world.wake_at - self._clock.monotonic())
            if self.world.transition is not None:
                delay = min(delay, _LOOK)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def step(self) -> bool:
        """One pass over all that has changed; whether anything had."""
        self._wake.clear()
        now = self._clock.monotonic()
        config = self._store.take()
        arrived = self._arrived(now)
        due = self.world.wake_at is not None and (now >= self.world.wake_at or bool(arrived))
        first = not self.ready
        if not (config.changed or due or first):
            self.config = config
            return False
        changed = config.changed
        if first:
            # what was in force before the start may be gone now
            changed |= frozenset(self.world.accepted)
        before = self.world
        world = converge(
            objects=config.objects,
            refused=config.refused,
            changed=changed,
            before=before,
            now=now,
            arrived=arrived,
        )
        converged = self._clock.monotonic()
        self.config, self.world = config, world
        if world.touched or first:
            self._publication.publish(world, converged)
        published = self._clock.monotonic()
        self._passed.set()
        self._count(config, world, (now, converged, published))
        self._keeper.keep(before, world)
        return True

    def _arrived(self, now: float) -> int:
        """The generation that all proxies have acknowledged for the phase of a transition, and
        have had a moment to put in force; 0 while some lag."""
        transition = self.world.transition
        if transition is None or not self.ready:
            return 0
        lagging = self._publication.lagging(transition)
        if lagging:
            self._followed = None
            if now >= transition.deadline:
                self._metrics.waits.inc()
                self._log.warning(
                    "wait_ran_out",
                    what=f"PeerAuthentications change, {transition.phase}",
                    why=list(lagging[:_NAMED]),
                    more=max(0, len(lagging) - _NAMED),
                )
            return 0
        if self._followed is None:
            self._followed = now
        if now < self._followed + _IN_FORCE:
            return 0
        self._followed = None
        return self._publication.generation

    def left_out(self, seat: Seat) -> tuple[str, ...]:
        """What is written for a proxy and not sent to it, as sentences."""
        return self._publication.left_out(seat)

    def verdicts(self) -> dict[Key, tuple[Verdict, ...]]:
        """Everything that is to be said of what is written: of single objects, and of objects
        together."""
        found = dict(self.config.verdicts)
        for key, verdicts in self.world.verdicts().items():
            found[key] = found.get(key, ()) + verdicts
        return found

    def _count(self, config: Config, world: World, times: tuple[float, float, float]) -> None:
        metrics = self._metrics
        start, converged, published = times
        metrics.passes.inc()
        metrics.pass_seconds.labels("converge").observe(converged - start)
        metrics.pass_seconds.labels("publish").observe(published - converged)
        metrics.generation.set(world.generation)
        metrics.groups.set(self._publication.groups)
        metrics.rejected.set(len(config.refused))
        metrics.held.set(len(world.held))
        for unit, number in self._memo.translated.items():
            metrics.translated.labels(unit.__name__).inc(number - self._counted[unit])
            self._counted[unit] = number
        self._log.info(
            "pass",
            generation=world.generation,
            changed=len(config.changed),
            ms=round((published - start) * 1000, 2),
        )
