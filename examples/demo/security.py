"""The steps of the story about identity: who calls, who is let in, and by which certificates."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from examples.demo.calls import GrpcCaller
from examples.demo.checks import Expected
from examples.demo.layout import CERT_SECONDS, CLIENT, GREETER_V1, INGRESS, RESIDENTS
from examples.demo.ledger import Outcome
from examples.demo.outsider import Outsider
from examples.demo.probe import WAYS
from examples.demo.steps import PEERS, WATCH_SECONDS, Notes, Stage, judge
from examples.demo.traffic import FLOWS
from examples.demo.trust import STABLE, short, unproven, unrotated

SETTLE_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.05
# the last certificate of the old root may be made just before the new one signs
ROTATION_SECONDS: Final = 2.0 * CERT_SECONDS
REPAIRED: Final = Expected("repaired", share=0.4)


async def who(stage: Stage, notes: Notes) -> None:
    """Nothing is changed: every answer says whom the server's sidecar has seen proven."""
    began = time.perf_counter()
    await asyncio.sleep(WATCH_SECONDS)
    judge(stage, notes, dict.fromkeys(WAYS, began), Expected("start", share=0.0))
    for flow in FLOWS:
        seen = {o.caller for o in stage.ledger.started_since(began, flow.name) if not o.error}
        if seen != {flow.through.identity}:
            notes.problems.append(f"{flow.name}: the servers know {sorted(seen)}")
    notes.problems += unproven(await stage.fleet.certificates(), RESIDENTS)
    if not notes.problems:
        notes.facts[:] = [f"{way}: {flow.through.identity}" for way, flow in WAYS.items()]


async def strict(stage: Stage, notes: Notes) -> None:
    """Servers that took plaintext too take it no more; the mesh goes on."""
    outsider = _outsider(stage)
    before = await outsider.knock()
    if before.error or before.caller:
        notes.problems.append(f"plaintext was not taken as such: {before.error or before.caller}")
    written = stage.desk.put(f"9-strict/{PEERS}", PEERS)
    refused = await outsider.until(refused=True)
    _timed(notes, written, refused, "refused")
    await _settled(stage, notes)
    began = time.perf_counter()
    calls = await outsider.several(WATCH_SECONDS)
    answered = sum(not call.error for call in calls)
    if answered:
        notes.problems.append(f"{answered} plaintext calls were answered in spite of STRICT")
    judge(stage, notes, dict.fromkeys(WAYS, began), REPAIRED)
    notes.facts.append(f"{len(calls) - answered} calls in plaintext refused")


async def permissive(stage: Stage, notes: Notes) -> None:
    """And back: the stranger is let in again, as nobody; the mesh still proves itself."""
    outsider = _outsider(stage)
    written = stage.desk.remove(PEERS)
    answered = await outsider.until(refused=False)
    _timed(notes, written, answered, "answered")
    await _settled(stage, notes)
    if answered is not None and answered.caller:
        notes.problems.append(f"who proved nothing is known as {answered.caller}")
    began = time.perf_counter()
    await asyncio.sleep(WATCH_SECONDS)
    judge(stage, notes, dict.fromkeys(WAYS, began), REPAIRED)


async def renewed(stage: Stage, notes: Notes) -> None:
    """By now the certificates of the start have been replaced, and servers have seen it."""
    began, seen = time.perf_counter(), stage.ledger.certificates
    await asyncio.sleep(WATCH_SECONDS)

    def twice() -> bool:
        return all(len(seen.get(one.identity, ())) > 1 for one in (CLIENT, INGRESS))

    if not await _until(twice, CERT_SECONDS):
        notes.problems.append(f"no renewed certificate was seen in {CERT_SECONDS} s")
    made, found = await stage.fleet.renewals(), await stage.fleet.certificates()
    if made < len(found):
        notes.problems.append(f"{made} renewals of {len(found)} certificates")
    notes.facts.append(f"{made} renewed, good for {CERT_SECONDS} s each")
    notes.facts.append(
        "the servers have seen "
        + " and ".join(f"{len(seen[one.identity])} of {one.name}" for one in (CLIENT, INGRESS))
    )
    judge(stage, notes, dict.fromkeys(WAYS, began), REPAIRED)


async def rotate(stage: Stage, notes: Notes) -> None:
    """`meshpilot ca rotate`: the new root is trusted, then it signs, then the old one leaves."""
    old = (await stage.fleet.rotation()).signer
    began = time.perf_counter()
    now = await stage.fleet.rotate()
    passed = [(now.stage, 0.0)]
    while now.stage != STABLE and time.perf_counter() < began + ROTATION_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        now = await stage.fleet.rotation()
        if now.stage != passed[-1][0]:
            passed.append((now.stage, time.perf_counter() - began))
            stage.tell(f"the root is rotated: {now.stage}")
    ended = time.perf_counter()
    notes.facts.append(", ".join(f"{name} at {at:.1f} s" for name, at in passed))
    notes.facts.append(f"root {short(old)} -> {short(now.signer)}")
    if [name for name, _ in passed] != ["TRUSTING", "SIGNING", STABLE]:
        notes.problems.append("the rotation did not go through its stages")
    await asyncio.sleep(WATCH_SECONDS)
    notes.problems += unrotated(await stage.fleet.certificates(), now, old=old)
    judge(stage, notes, dict.fromkeys(WAYS, ended), REPAIRED)


def _outsider(stage: Stage) -> Outsider:
    return Outsider(stage.ledger, partial(GrpcCaller, GREETER_V1.entrance, "greeter:18080"))


def _timed(notes: Notes, written: float, outcome: Outcome | None, what: str) -> None:
    if outcome is None:
        notes.problems.append(f"no call in plaintext was {what}")
    else:
        notes.times.append(("", {f"plaintext {what}": (outcome.ended - written) * 1000}))


async def _settled(stage: Stage, notes: Notes) -> None:
    """Until all proxies have the change, which goes to servers and clients in turn."""
    end = time.perf_counter() + SETTLE_SECONDS
    while await stage.fleet.switching():
        if time.perf_counter() > end:
            notes.problems.append(f"the change of modes has not ended in {SETTLE_SECONDS:g} s")
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
