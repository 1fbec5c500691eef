"""The cycles of tests/e2e/hitless, many times: whether a request is lost, and how fast changes
show under traffic."""

import time
from collections.abc import Callable
from pathlib import Path

from bench.result import Figure, Goal, Result, one
from bench.samples import milliseconds
from tests.e2e.hitless import CYCLES, Scene, scene
from translators.model import ProxyType

Tell = Callable[[str], None]


async def hitless(directory: Path, kind: ProxyType, *, cycles: int, tell: Tell) -> Result:
    """All cycles on one proxy of `kind`, `cycles` times each."""
    figures: list[Figure] = []
    failed: list[str] = []
    begin = time.monotonic()
    async with scene(kind, _below(directory, kind.value)) as running:
        for name, cycle in CYCLES.items():
            tell(f"hitless {kind.value} {name}")
            shown = len(running.shown)
            for _ in range(cycles):
                failures = len(running.traffic.failures)
                await cycle(running)
                failed += [f"{name}: {one.what}" for one in running.traffic.failures[failures:]]
            if running.shown[shown:]:
                taken = milliseconds(running.shown[shown:])
                figures.append(Figure(f"{name} -> first request that shows it", "ms", taken))
    traffic = running.traffic
    seconds = time.monotonic() - begin
    totals = (
        one("requests", "requests", traffic.sent),
        one("failed", "requests", len(traffic.failures), Goal(p50=0)),
    )
    facts: dict[str, object] = {
        "cycles of each kind": cycles,
        "seconds": round(seconds, 1),
        "404 while there truly was no route": traffic.pardoned,
    } | _firsts(failed, running)
    return Result(f"hitless {kind.value}", (*totals, *figures), facts)


def _below(directory: Path, name: str) -> Path:
    made = directory / name
    made.mkdir()
    return made


def _firsts(failed: list[str], running: Scene) -> dict[str, object]:
    return {"first failures": failed[:5], "log": running.proxy.tail(5)} if failed else {}
