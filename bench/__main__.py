"""The command line of the benchmarks: `python -m bench [NAME...]`, or `make bench BENCH=...`."""

import argparse
import asyncio
import json
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console

from bench import lossless, machine, proxies, report
from bench.certificates import certificates, renewals
from bench.fleet import Size, fleet
from bench.passes import passes
from bench.result import Goal, Result
from translators.model import ProxyType


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for. `repeats` None is each scenario's own."""

    names: tuple[str, ...]
    repeats: int | None
    cycles: int
    clients: int
    services: int
    json: Path | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """`run` gets a directory of its own."""

    what: str
    run: Callable[[Path, Choice], AsyncIterator[Result]]


async def _weight10(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    goal = Goal(p50=12, p99=40, istiod="p50 103 ms")
    repeats = choice.repeats or 100
    yield await proxies.weight(directory, hosts=10, repeats=repeats, goal=goal)


async def _weight1000(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    goal = Goal(p50=60, p99=130)
    repeats = choice.repeats or 100
    yield await proxies.weight(directory, hosts=1000, repeats=repeats, goal=goal)


async def _endpoint1000(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    goal = Goal(p50=6, istiod="p50 102 ms")
    repeats = choice.repeats or 100
    yield await proxies.endpoint(directory, services=1000, repeats=repeats, goal=goal)


async def _fleet(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    size = Size(choice.clients, choice.services, changes=choice.repeats or 20, colds=3)
    yield await fleet(directory, size, tell=_tell)


async def _hitless(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    for kind in (ProxyType.SIDECAR, ProxyType.ROUTER):
        yield await lossless.hitless(directory, kind, cycles=choice.cycles, tell=_tell)


async def _certificates(directory: Path, choice: Choice) -> AsyncIterator[Result]:
    del choice
    for parallel in (1, 16):
        place = directory / str(parallel)
        place.mkdir()
        yield await certificates(place, seconds=10, parallel=parallel)
    place = directory / "renewals"
    place.mkdir()
    yield await renewals(place, proxies=100, seconds=20)


async def _passes(_: Path, choice: Choice) -> AsyncIterator[Result]:
    clients, services = choice.clients, choice.services
    yield passes(clients=clients, services=services, repeats=choice.repeats or 20)


SCENARIOS = {
    "passes": Scenario("the work in one process, without network", _passes),
    "weight10": Scenario("weight change -> first request, 10 virtual hosts", _weight10),
    "weight1000": Scenario("the same with 1000 virtual hosts", _weight1000),
    "endpoint1000": Scenario("endpoint change -> Envoy's ACK, 1000 services", _endpoint1000),
    "fleet": Scenario("clients at once: changes, connecting, coming back", _fleet),
    "certificates": Scenario("certificates asked for over the secure port", _certificates),
    "hitless": Scenario("each change many times under traffic", _hitless),
}


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, print it, and write it where asked; 1 when a scenario failed."""
    choice = _choice(arguments)
    facts = machine.facts() | {"load before": machine.load()}
    results: list[Result] = []
    failed = [name for name in choice.names if not _measured(name, choice, results)]
    facts["load after"] = machine.load()
    report.show(results, facts, Console(width=None if sys.stdout.isatty() else 132))
    if choice.json is not None:
        choice.json.write_text(json.dumps(report.plain(results, facts), indent=1))
    if failed:
        _tell(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _measured(name: str, choice: Choice, results: list[Result]) -> bool:
    """One scenario, in a directory and an event loop of its own. If it fails, what was measured
    until then, and what others measure, still counts."""

    async def collect(directory: Path) -> None:
        async for result in SCENARIOS[name].run(directory, choice):
            results.append(result)  # noqa: PERF401 - what came before a failure stays

    _tell(f"{name}: {SCENARIOS[name].what}")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="meshpilot-bench-") as directory,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(collect(Path(directory)))
    except Exception:
        traceback.print_exc()
        return False
    return True


def _choice(arguments: Sequence[str]) -> Choice:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure meshpilot on this machine. Without names: everything.",
        epilog="\n".join(f"{name:14} {one.what}" for name, one in SCENARIOS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, see below")
    parser.add_argument("--repeats", type=int, help="changes in each scenario that repeats one")
    parser.add_argument("--cycles", type=int, default=30, help="of hitless (30)")
    parser.add_argument("--clients", type=int, default=100, help="of fleet and passes (100)")
    parser.add_argument("--services", type=int, default=1000, help="of fleet and passes (1000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return Choice(
        names=tuple(given.names) or tuple(SCENARIOS),
        repeats=given.repeats,
        cycles=given.cycles,
        clients=given.clients,
        services=given.services,
        json=given.json,
    )


def _tell(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
