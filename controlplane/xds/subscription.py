"""How a request changes what a stream is subscribed to, in both variants of the protocol.

It touches the ledger of one type; whether anything is sent is not decided here.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from controlplane.xds.ledger import Ledger
from controlplane.xds.requests import MAX_NAMES, ProtocolError, Request
from controlplane.xds.rollout import Rollout
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER

# types of which a first request without names means everything (the legacy wildcard)
WILDCARD_TYPES: Final = frozenset((CLUSTER, LISTENER))
EVERYTHING: Final = "*"
_NO_CLAIMS: Final[Mapping[str, str]] = {}


def delta_subscribe(ledger: Ledger, rollout: Rollout, request: Request) -> None:
    """Apply names that are added and taken away, and on the first request what the client has."""
    first = not ledger.asked
    ledger.asked = True
    claims = request.initial_versions if first else _NO_CLAIMS
    if claims and ledger.type_url != ASSIGNMENT:
        rollout.claimed = True
        if ledger.type_url == CLUSTER:
            rollout.reconnected(claims)
    added = dict.fromkeys(request.subscribe)
    legacy = first and not added and not request.unsubscribe and ledger.type_url in WILDCARD_TYPES
    everything = EVERYTHING in added
    added.pop(EVERYTHING, None)
    if claims:
        # a cluster whose assignment the last stream owed gets it, whatever the client says
        doubtful = ledger.type_url == ASSIGNMENT and bool(rollout.bare)
        for name in added if doubtful else ledger.claim_all(added, claims):
            _subscribe(ledger, rollout, name, claims.get(name))
    else:
        _warm_again(ledger, rollout, added)
        for name in ledger.subscribe_all(added):
            ledger.subscribe(name)
    if (legacy or everything) and not ledger.wildcard:
        ledger.open_wildcard(claims)
        ledger.legacy = legacy
        # a client that starts waits for an answer, however empty; one that has something does not
        ledger.answer = not claims
    for name in dict.fromkeys(request.unsubscribe):
        if name == EVERYTHING:
            _close_wildcard(ledger, rollout)
        else:
            _unsubscribe(ledger, rollout, name, tell=True)
    _bounded(ledger)


def sotw_subscribe(ledger: Ledger, rollout: Rollout, request: Request, *, full: bool) -> None:
    """Apply the complete list of names. A request that answers no response asks anew."""
    first = not ledger.asked
    asks = first or not request.nonce or not ledger.latest
    ledger.asked = True
    # one empty name is a list that is not empty and names nothing
    names = dict.fromkeys(name for name in request.names if name)
    everything = EVERYTHING in names
    names.pop(EVERYTHING, None)
    wildcard = everything or (
        not request.names and (ledger.legacy or (first and ledger.type_url in WILDCARD_TYPES))
    )
    added = [name for name in names if not ledger.covers(name)]
    more = bool(added) or (wildcard and not ledger.wildcard)
    for name in names.keys() - set(added):
        if asks and not full and not _in_flight(ledger, name):
            ledger.owe(name)
        ledger.names.add(name)
    for name in added:
        _subscribe(ledger, rollout, name, None)
    for name in [name for name in ledger.names if name not in names]:
        _unsubscribe(ledger, rollout, name, tell=False)
    if wildcard:
        ledger.open_wildcard(_NO_CLAIMS)
    elif ledger.wildcard:
        _close_wildcard(ledger, rollout)
    ledger.legacy = wildcard and not everything
    if more or (asks and (wildcard or names)):
        ledger.answer = ledger.anew = True
    elif not wildcard and not names:
        ledger.answer = ledger.anew = False
    _bounded(ledger)


def _subscribe(ledger: Ledger, rollout: Rollout, name: str, claim: str | None) -> None:
    bare = ledger.type_url == ASSIGNMENT and name in rollout.bare
    _warm_again(ledger, rollout, (name,))
    ledger.subscribe(name, claim=claim, stale=bare)


def _warm_again(ledger: Ledger, rollout: Rollout, names: Iterable[str]) -> None:
    """A cluster that seemed warm only because nobody had asked for assignments is not."""
    if ledger.type_url == ASSIGNMENT and rollout.books[CLUSTER].wildcard:
        for name in names:
            if name in rollout.bare:
                rollout.cold.setdefault(name, rollout.bare[name])


def _unsubscribe(ledger: Ledger, rollout: Rollout, name: str, *, tell: bool) -> None:
    if ledger.unsubscribe(name, tell=tell) and ledger.type_url == CLUSTER:
        rollout.forget(name)


def _close_wildcard(ledger: Ledger, rollout: Rollout) -> None:
    ledger.close_wildcard()
    if ledger.type_url == CLUSTER:
        # who subscribes by name gets routes first
        rollout.cold.clear()


def _in_flight(ledger: Ledger, name: str) -> bool:
    entry = ledger.open.get(name)
    return entry is not None and bool(entry.sent)


def _bounded(ledger: Ledger) -> None:
    if len(ledger.names) > MAX_NAMES:
        raise ProtocolError(f"{ledger.type_url}: more than {MAX_NAMES} names are subscribed")
