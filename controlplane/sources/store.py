"""Merges what the sources say into one Config. Knows no clock, no file and no task.

A document is decoded once; one that says the same as before changes nothing. Of several documents
that are the same object, the one in force stays, and another takes over when it goes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from controlplane.kinds import (
    Ignored,
    Key,
    Location,
    Object,
    Refusal,
    Severity,
    Verdict,
    Weights,
    decode,
)
from controlplane.sources.changes import Age, Change, Config, Delete, Listed, Put, Report, file_key

Slot = tuple[str, str]  # source, slot

# how many of an object's other documents are named
_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class _Claim:
    """One document that is, or wants to be, an object."""

    put: Put
    decoded: Object | Refusal

    @property
    def place(self) -> tuple[str, str, int, str]:
        """Where it stands among claims for one object, the first first."""
        at = self.put.location
        if at is None:
            return (self.put.source, "", 0, self.put.slot)
        return (self.put.source, at.file, at.document, self.put.slot)

    @property
    def age(self) -> Age:
        """Sorts by creation; what has no creation time comes after, by path and document."""
        decoded, at = self.decoded, self.put.location
        if isinstance(decoded, Object) and decoded.meta.created is not None:
            key = decoded.key
            return (0, decoded.meta.created.isoformat(), key.name, key.namespace, 0)
        if at is None:
            return (1, self.put.source, self.put.slot, "", 0)
        # documents sort as numbers, and items of one List by their slots
        return (1, self.put.source, at.file, "", at.document)


class Store:
    """`on_change` is called when a batch has changed something that may be taken."""

    def __init__(
        self,
        sources: Iterable[str],
        *,
        weights: Weights = "exact",
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._unlisted = set(sources)
        self._weights: Weights = weights
        self._on_change = on_change
        self._claims: dict[Slot, _Claim] = {}
        self._ignored: dict[Slot, Ignored] = {}
        self._ignored_count: Counter[Ignored] = Counter()
        self._nameless: dict[Slot, tuple[Key, tuple[Verdict, ...]]] = {}
        self._by_key: dict[Key, dict[Slot, _Claim]] = {}
        self._in_force: dict[Key, Slot] = {}
        self._objects: dict[Key, Object] = {}
        self._refused: dict[Key, Refusal] = {}
        self._locations: dict[Key, Location] = {}
        self._ages: dict[Key, Age] = {}
        self._verdicts: dict[Key, tuple[Verdict, ...]] = {}
        self._reports: dict[Key, dict[str, tuple[Verdict, ...]]] = {}
        self._changed: set[Key] = set()
        self._news = False

    @property
    def synced(self) -> bool:
        return not self._unlisted

    def apply(self, changes: Iterable[Change]) -> bool:
        """Take a batch as one step; whether it changed anything."""
        touched: dict[Key, None] = {}  # in order, so that equal input gives equal output
        self._news = False
        for change in changes:
            match change:
                case Put():
                    self._put(change, touched)
                case Delete():
                    self._forget((change.source, change.slot), touched)
                case Report():
                    part = f"{change.source}/file"
                    self._report(file_key(change.path), part, change.verdicts)
                case Listed():
                    self._news |= change.source in self._unlisted
                    self._unlisted.discard(change.source)
        for key in touched:
            self._settle(key)
        if self._news:
            self._on_change()
        return self._news

    def take(self) -> Config:
        """The Config of now; `changed` counts from the one taken before."""
        changed, self._changed = frozenset(self._changed), set()
        return Config(
            objects=self._objects.copy(),
            refused=self._refused.copy(),
            verdicts=self._verdicts.copy(),
            locations=self._locations.copy(),
            ages=self._ages.copy(),
            changed=changed,
            synced=self.synced,
        )

    def _put(self, put: Put, touched: dict[Key, None]) -> None:
        slot = (put.source, put.slot)
        known = self._claims.get(slot)
        if known is not None and (known.put.raw is put.raw or known.put.raw == put.raw):
            if known.put.location != put.location:
                self._claim(slot, replace(known, put=put), touched)
            return
        self._forget(slot, touched)
        match decode(put.raw, weights=self._weights):
            case Ignored() as ignored:
                self._ignored[slot] = ignored
                self._ignored_count[ignored] += 1
                self._note(ignored)
            case Refusal(key, verdicts) if not key.name:
                at = file_key(put.location.file if put.location else put.source)
                where = f" (document {put.location.document})" if put.location else ""
                said = tuple(
                    replace(one, object=at, message=one.message + where) for one in verdicts
                )
                self._nameless[slot] = (at, said)
                self._report(at, put.slot, said)
            case decoded:
                self._claim(slot, _Claim(put, decoded), touched)

    def _claim(self, slot: Slot, claim: _Claim, touched: dict[Key, None]) -> None:
        key = claim.decoded.key
        self._claims[slot] = claim
        self._by_key.setdefault(key, {})[slot] = claim
        touched[key] = None

    def _forget(self, slot: Slot, touched: dict[Key, None]) -> None:
        claim = self._claims.pop(slot, None)
        if claim is not None:
            key = claim.decoded.key
            rest = self._by_key[key]
            del rest[slot]
            if not rest:
                del self._by_key[key]
            touched[key] = None
        ignored = self._ignored.pop(slot, None)
        if ignored is not None:
            self._ignored_count[ignored] -= 1
            self._note(ignored)
        nameless = self._nameless.pop(slot, None)
        if nameless is not None:
            self._report(nameless[0], slot[1], ())

    def _settle(self, key: Key) -> None:
        """Decide again what is in force for `key`."""
        claims = self._by_key.get(key, {})
        slot = self._choose(key, claims)
        if slot is None:
            self._in_force.pop(key, None)
            self._locations.pop(key, None)
            self._ages.pop(key, None)
            self._say(key, ())
            self._replace(key, None)
            return
        claim = claims[slot]
        self._in_force[key] = slot
        if claim.put.location is not None:
            self._locations[key] = claim.put.location
        else:
            self._locations.pop(key, None)
        self._say(key, (*_verdicts(claim.decoded), *_duplicates(key, claim, claims)))
        aged = self._ages.get(key) != claim.age
        self._ages[key] = claim.age
        decoded = claim.decoded
        if isinstance(decoded, Object):
            decoded = replace(decoded, order=claim.age)
        self._replace(key, decoded, aged=aged)

    def _choose(self, key: Key, claims: dict[Slot, _Claim]) -> Slot | None:
        """The claim in force stays, or moves within its file; else the first by place counts."""
        if not claims:
            return None
        before = self._in_force.get(key)
        if before in claims:
            return before
        first = sorted(claims, key=lambda slot: claims[slot].place)
        at = self._locations.get(key)
        if before is not None and at is not None:
            for slot in first:
                location = claims[slot].put.location
                if slot[0] == before[0] and location and location.file == at.file:
                    return slot
        return first[0]

    def _replace(self, key: Key, now: Object | Refusal | None, *, aged: bool = False) -> None:
        before = self._objects.get(key) or self._refused.get(key)
        if before == now and not (aged and isinstance(now, Object)):
            return
        self._objects.pop(key, None)
        self._refused.pop(key, None)
        if isinstance(now, Object):
            self._objects[key] = now
        elif now is not None:
            self._refused[key] = now
        self._changed.add(key)
        self._news = True

    def _say(self, key: Key, verdicts: tuple[Verdict, ...]) -> None:
        if self._verdicts.get(key, ()) == verdicts:
            return
        if verdicts:
            self._verdicts[key] = verdicts
        else:
            del self._verdicts[key]
        self._news = True

    def _report(self, key: Key, part: str, verdicts: tuple[Verdict, ...]) -> None:
        """What one part of a file has to say; a file says what its parts say."""
        parts = self._reports.setdefault(key, {})
        parts.pop(part, None)
        if verdicts:
            parts[part] = verdicts
        if not parts:
            del self._reports[key]
        self._say(key, tuple(one for part in parts.values() for one in part))

    def _note(self, ignored: Ignored) -> None:
        """Say once that a kind is not used, for as long as there is a document of it."""
        key = Key("Kind", "", f"{ignored.api_version}/{ignored.kind}")
        count = self._ignored_count[ignored]
        if not count:
            del self._ignored_count[ignored]
        note = Verdict(
            object=key,
            severity=Severity.INFO,
            reason="KindIgnored",
            field="kind",
            message=f"objects of kind {ignored.kind} ({ignored.api_version}) are not used",
            remedy="nothing needs to be done",
        )
        self._say(key, (note,) if count else ())


def _verdicts(decoded: Object | Refusal) -> tuple[Verdict, ...]:
    return decoded.warnings if isinstance(decoded, Object) else decoded.verdicts


def _duplicates(key: Key, chosen: _Claim, claims: dict[Slot, _Claim]) -> tuple[Verdict, ...]:
    """One verdict that names the documents, the one in force first."""
    others = sorted((one for one in claims.values() if one is not chosen), key=lambda c: c.place)
    if not others:
        return ()
    named = [_where(one) for one in others[:_NAMED]]
    if len(others) > _NAMED:
        named.append(f"{len(others) - _NAMED} more")
    return (
        Verdict(
            object=key,
            severity=Severity.WARNING,
            reason="DuplicateObject",
            field="metadata.name",
            message=f"it is written in {_where(chosen)}, which is in force, and in "
            + ", ".join(named),
            remedy=f"keep one of them; when the first goes, {_where(others[0])} takes over",
        ),
    )


def _where(claim: _Claim) -> str:
    return str(claim.put.location or f"{claim.put.source} {claim.put.slot}")
