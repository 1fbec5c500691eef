"""The story: what is changed, in order, and what must be seen of it."""

import asyncio
from typing import Final

from examples.demo import security
from examples.demo.checks import Expected
from examples.demo.fleet import Said
from examples.demo.layout import NEWCOMER
from examples.demo.ledger import Outcome
from examples.demo.probe import WAYS
from examples.demo.steps import (
    ROUTES,
    SUBSETS,
    Notes,
    Stage,
    Step,
    by_route,
    judge,
    observe,
    verdict,
)

GAP_SECONDS: Final = 0.3  # between two files that belong together
QUIET_SECONDS: Final = 1.0  # without a request for a Pod that has left, before it ends
POD: Final = "pod-greeter-v1-b.yaml"
_EVEN: Final = 0.5


async def split(stage: Stage, notes: Notes) -> None:
    await _routes(stage, notes, "1-split", Expected("split-90-10", share=0.1))


async def even(stage: Stage, notes: Notes) -> None:
    await _routes(stage, notes, "2-even", Expected("split-50-50", share=_EVEN))


async def canary(stage: Stage, notes: Notes) -> None:
    expected = Expected("canary", share=0.0, canary="v2")
    shown = await stage.probe.after(
        lambda: stage.desk.put(f"3-canary/{ROUTES}", ROUTES),
        by_route("canary", version="v2"),
        canary=True,
    )
    notes.time("", shown)
    await observe(stage, notes, shown, expected)
    if not notes.problems:
        notes.facts.append("all requests with x-canary reach v2")


async def rename(stage: Stage, notes: Notes) -> None:
    """Routes first: for a while they name a subset that nobody knows."""
    stage.desk.put(f"4-rename/{ROUTES}", ROUTES)
    said, _ = await verdict(stage, lambda v: v.name == "greeter" and _missing(v))
    if said is None:
        notes.problems.append("nobody said that subset v3 is not there yet")
    else:
        notes.facts.append(f"meanwhile: {said.reason}")
    await asyncio.sleep(GAP_SECONDS)
    shown = await stage.probe.after(
        lambda: stage.desk.put(f"4-rename/{SUBSETS}", SUBSETS), by_route("renamed")
    )
    notes.time("", shown)
    await observe(stage, notes, shown, Expected("renamed", share=_EVEN))


async def rename_back(stage: Stage, notes: Notes) -> None:
    """Subsets first: for a while the routes in force name a subset that was taken away."""
    stage.desk.put(f"5-rename-back/{SUBSETS}", SUBSETS)
    await asyncio.sleep(GAP_SECONDS)
    await _routes(stage, notes, "5-rename-back", Expected("renamed-back", share=_EVEN))


async def add_backend(stage: Stage, notes: Notes) -> None:
    """A Pod that is not ready, its program and sidecar, and then it is ready."""
    stage.desk.put("6-backend/starting.yaml", POD)
    await stage.fleet.add(NEWCOMER)
    shown = await stage.probe.after(lambda: stage.desk.put("6-backend/ready.yaml", POD), _newcomer)
    notes.time("", shown)
    await observe(stage, notes, shown, Expected("renamed-back", share=_EVEN))


async def remove_backend(stage: Stage, notes: Notes) -> None:
    """The Pod leaves, as Kubernetes says it; what it has in hand is finished; then it ends."""
    shown = await stage.probe.last(
        lambda: stage.desk.put("6-backend/leaving.yaml", POD), _newcomer, seconds=QUIET_SECONDS
    )
    notes.time("until the last", shown)
    await stage.fleet.remove(NEWCOMER)
    stage.desk.remove(POD)
    await asyncio.sleep(QUIET_SECONDS)


async def broken(stage: Stage, notes: Notes) -> None:
    """Weights that sum to 120 are refused; what was in force stays."""
    written = stage.desk.put(f"7-broken/{ROUTES}", ROUTES)
    said, at = await verdict(stage, lambda v: v.name == "greeter" and v.severity == "error")
    if said is None:
        notes.problems.append("the broken object was not refused")
    else:
        notes.times.append(("refused", {"verdict": (at - written) * 1000}))
        notes.facts.append(f"{said.reason}: {said.message}")
    await asyncio.sleep(QUIET_SECONDS)
    judge(stage, notes, dict.fromkeys(WAYS, written), Expected("renamed-back", share=_EVEN))


async def repair(stage: Stage, notes: Notes) -> None:
    await _routes(stage, notes, "8-repaired", Expected("repaired", share=0.4))
    left = [v for v in await stage.fleet.verdicts() if v.severity == "error"]
    if left:
        notes.problems.append(f"still refused: {left[0].message}")


STEPS: Final = (
    Step("who is calling", security.who),
    Step("90/10", split),
    Step("50/50", even),
    Step("canary by header", canary),
    Step("v2 becomes v3, routes first", rename),
    Step("and back, subsets first", rename_back),
    Step("a backend is added", add_backend),
    Step("the backend is removed", remove_backend, stops=True),
    Step("broken: weights 60/60", broken),
    Step("repaired: 60/40", repair),
    Step("STRICT: no plaintext", security.strict),
    Step("and back: PERMISSIVE", security.permissive),
    Step("certificates are renewed", security.renewed),
    Step("the root is rotated", security.rotate),
)


async def _routes(stage: Stage, notes: Notes, source: str, expected: Expected) -> None:
    shown = await stage.probe.after(
        lambda: stage.desk.put(f"{source}/{ROUTES}", ROUTES), by_route(expected.route)
    )
    notes.time("", shown)
    await observe(stage, notes, shown, expected)


def _missing(said: Said) -> bool:
    return said.reason == "DestinationNotFound"


def _newcomer(outcome: Outcome) -> bool:
    return outcome.pod == NEWCOMER.name
