"""What a step of the story does and finds: it changes files, waits for the first requests that
show it, and judges those that follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from examples.demo.checks import Counters, Expected, complaints, losses, plain, share, strangers
from examples.demo.desk import Desk
from examples.demo.fleet import Fleet, Said
from examples.demo.ledger import Ledger, Outcome
from examples.demo.probe import CALLERS, WAYS, Probe, Shown

WATCH_SECONDS: Final = 1.8  # of traffic that is judged after a change
VERDICT_SECONDS: Final = 5.0
ROUTES: Final = "greeter-routes.yaml"
SUBSETS: Final = "greeter-subsets.yaml"
PEERS: Final = "peers.yaml"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a step works with; `tell` says what it is doing now."""

    fleet: Fleet
    ledger: Ledger
    probe: Probe
    desk: Desk
    tell: Callable[[str], None]


@dataclass(slots=True)
class Notes:
    """What a step writes down. `times` are (what, ways with milliseconds) in order."""

    times: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def time(self, what: str, shown: Shown) -> None:
        self.times.append((what, shown.milliseconds))
        self.problems += [f"{way}: no request has shown it ({what})" for way in shown.missing]


@dataclass(frozen=True, slots=True)
class Step:
    """`stops` says that it ends a program, so that proxies may have had to try again."""

    title: str
    play: Callable[[Stage, Notes], Awaitable[None]]
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """A step that is over. `client` are the counters of the client's sidecar."""

    title: str
    notes: Notes
    sent: int
    failed: int
    client: Counters
    problems: tuple[str, ...]


async def play(step: Step, stage: Stage) -> Played:
    """Play one step and judge it."""
    notes, mark, began = Notes(), stage.ledger.mark(), time.perf_counter()
    before = await stage.fleet.counters()
    await step.play(stage, notes)
    after, now = await stage.fleet.counters(), stage.ledger.mark()
    spent = {name: after[name] - before.get(name, Counters()) for name in after}
    total = sum(spent.values(), Counters())
    failures = stage.ledger.failures[mark.failed :]
    problems = [
        *notes.problems,
        *losses(failures, total, stops=step.stops),
        *strangers(stage.ledger.ended_since(began), CALLERS),
    ]
    return Played(
        step.title,
        notes,
        now.sent - mark.sent,
        len(failures),
        spent["client"],
        tuple(problems),
    )


def by_route(route: str, *, version: str = "") -> Callable[[Outcome], bool]:
    """Requests that the routes of this edition have answered."""
    return lambda o: o.route == route and version in ("", o.version)


async def observe(stage: Stage, notes: Notes, shown: Shown, expected: Expected) -> None:
    """Judge the requests of WATCH_SECONDS after the change was seen on both ways."""
    await asyncio.sleep(WATCH_SECONDS)
    judge(stage, notes, shown.at, expected)


def judge(stage: Stage, notes: Notes, since: Mapping[str, float], expected: Expected) -> None:
    """Judge the steady requests that started after the time given for their way."""
    outcomes = [
        outcome
        for way, at in since.items()
        for outcome in stage.ledger.started_since(at, WAYS[way].name)
    ]
    notes.problems += complaints(outcomes, expected)
    split = plain(outcomes, expected)
    notes.facts.append(f"v2 answers {share(split, 'v2'):.1%} of {len(split)} requests")


async def verdict(stage: Stage, test: Callable[[Said], bool]) -> tuple[Said | None, float]:
    """The first verdict of this kind and when it was read; None after VERDICT_SECONDS."""
    end = time.perf_counter() + VERDICT_SECONDS
    while True:
        for said in await stage.fleet.verdicts():
            if test(said):
                return said, time.perf_counter()
        if time.perf_counter() > end:
            return None, end
        await asyncio.sleep(0.005)
