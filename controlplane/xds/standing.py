"""How far one type is on one stream, for people: what it holds, refuses, and what is held back."""

from collections.abc import Iterator

from controlplane.xds.entries import version_of
from controlplane.xds.ledger import Ledger
from controlplane.xds.reports import TypeStatus, kind
from controlplane.xds.rollout import Hold, Rollout


def type_status(ledger: Ledger, rollout: Rollout, now: float) -> TypeStatus:
    """Costs what the client holds."""
    covered = ledger.covered()
    held = {name: version_of(ledger.held(name)) for name in (*covered, *ledger.open)}
    return TypeStatus(
        type_url=ledger.type_url,
        wildcard=ledger.wildcard,
        names=len(held),
        generation=ledger.generation,
        nacks=tuple(e.rejected for e in ledger.open.values() if e.rejected is not None),
        held_back=tuple(
            f"{kind(ledger.type_url)} {name}: {hold.sentence()}"
            for name, hold in _holds(ledger, rollout, now)
        ),
        held={name: version for name, version in held.items() if version is not None},
    )


def _holds(ledger: Ledger, rollout: Rollout, now: float) -> Iterator[tuple[str, Hold]]:
    """The first reason for which each name is held back."""
    for name in (*ledger.pending, *ledger.leaving):
        entry = ledger.open[name]
        want = ledger.wanted(name, entry.last)
        for hold in rollout.before_sending(ledger, name, entry, want, now):
            if hold.holds(now):
                yield name, hold
                break
