"""From the PeerAuthentications that are in force to those that are written, without a moment at
which clients speak what servers do not accept.

OPENING  servers accept what was in force and what is written; clients are told what they were
TELLING  clients are told what is written; servers go on accepting both
         then servers accept what is written, and nothing else

A phase ends when all proxies have acknowledged it, or when its time is over. A change in between
begins anew, and nothing that was accepted meanwhile is refused before the end.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.convergence.draft import Draft
from controlplane.convergence.world import PeerPolicy, Phase, Transition
from controlplane.kinds import Key, Severity, Verdict

FAMILY: Final = "switching"
KIND: Final = "PeerAuthentication"
# what is accepted for the sake of earlier policies is two modes at most: both, or one
_MOST_EARLIER: Final = 16
Table = Mapping[str, tuple[PeerPolicy, ...]]


def update(draft: Draft, written: Table) -> None:
    """Bring what servers accept and what clients are told a step on, towards `written`."""
    before = draft.before
    mesh, running = before.mesh, before.transition
    draft.told, draft.earlier, draft.transition = mesh.told, mesh.earlier, running
    changed = draft.changed_of((KIND,))
    if not draft.options.switch_wait or not before.generation:
        draft.told, draft.earlier, draft.transition = written, (), None
    elif changed:
        namespaces = frozenset(key.namespace for key in changed)
        if running is not None:
            namespaces |= running.namespaces
        draft.transition = _phase(draft, Phase.OPENING, namespaces)
        draft.earlier = (*mesh.earlier, mesh.peers)[-_MOST_EARLIER:]
    elif running is not None and (
        draft.arrived >= running.generation or draft.now >= running.deadline
    ):
        if running.phase is Phase.OPENING:
            draft.told = written
            draft.transition = _phase(draft, Phase.TELLING, running.namespaces)
        else:
            draft.earlier, draft.transition = (), None
    if draft.transition != running:
        _say(draft)


def moved(draft: Draft) -> frozenset[str]:
    """The namespaces of whose policies something else is accepted or told than before."""
    now, before = draft.transition, draft.before.transition
    if now == before:
        return frozenset()
    return frozenset().union(*(one.namespaces for one in (now, before) if one is not None))


def _phase(draft: Draft, phase: Phase, namespaces: frozenset[str]) -> Transition:
    return Transition(
        phase=phase,
        generation=draft.before.generation + 1,
        deadline=draft.now + draft.options.switch_wait,
        namespaces=namespaces,
    )


def _say(draft: Draft) -> None:
    """While it lasts, the policies concerned say so."""
    spoken = {key for family, key in draft.said if family == FAMILY}
    transition = draft.transition
    concerned: set[Key] = set()
    if transition is not None:
        concerned = {
            policy.key
            for namespace in transition.namespaces
            for policy in draft.peers.get(namespace) or ()
        }
    for key in spoken - concerned:
        draft.say(FAMILY, key, ())
    for key in concerned:
        draft.say(FAMILY, key, (_under_way(key, transition),) if transition else ())


def _under_way(key: Key, transition: Transition) -> Verdict:
    who = "servers" if transition.phase is Phase.OPENING else "clients"
    return Verdict(
        object=key,
        severity=Severity.INFO,
        reason="SwitchingModes",
        field="spec.mtls",
        message="on the way to what is written, servers accept plaintext and mutual TLS where the "
        f"modes before and after differ; it goes on when all {who} have acknowledged",
        remedy="wait; `meshpilot proxies` shows who lags",
    )
