"""The authority that signs with material of a source, and goes from one key to the next in stages
(sds.stages). What stands is on the disk before anything follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from sds import stages
from sds.ca.authority import AuthorityError
from sds.ca.crossing import MOST, crossed
from sds.ca.lists import for_proxies
from sds.ca.material import Material, Reload, Source, name_of
from sds.ca.rootstate import Journal, Record, RootState
from sds.secrets import Bundle, encode, fingerprint
from sds.stages import Facts, Rotation, RotationError, Stage
from sds.standing import Root, Status
from sds.template import Template, leaf

__all__ = ["Facts", "Root", "RotatingAuthority", "RotationError", "Stage", "Status"]

# the end of what a key has signed is kept coarsely: one write for so much of a lifetime
_COARSE: Final = 8
_LEAST: Final = timedelta(seconds=1)
# a root of our own is followed by another when so much of its life is left (Istio: 20 %)
_GRACE: Final = 0.2


@dataclass(frozen=True, slots=True)
class _View:
    """What is read all the time, made once for each change."""

    signer: str
    bundle: Bundle
    chain: tuple[bytes, ...]
    crossed: tuple[bytes, ...]
    revoked: bytes
    crl: bytes
    signer_end: datetime


class RotatingAuthority:
    """An Authority. `random` yields so many random bytes. Raises OSError and StateError when it is
    made and cannot keep its state, or cannot read what it kept."""

    def __init__(
        self,
        source: Source,
        *,
        state: Path | None,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._random = random
        self._source = source
        self._journal = Journal(state)
        self._clock = clock
        self._callbacks: list[Callable[[], None]] = []
        self._problems: dict[str, str] = {}
        self._facts: Facts | None = None
        now = clock()
        newest = source.material
        saved = self._journal.load()
        if saved is None:
            saved = RootState(Rotation(now, newest.fingerprint), {})
        self._rotation, self._records = _recalled(saved, source, now)
        # exact, unlike the records: a restart forgets how much later the kept ends are
        self._ends = {name: record.end for name, record in saved.records.items()}
        self._csr_ends = {name: record.csr_end for name, record in saved.records.items()}
        self._materials = _keys(source, self._rotation)
        self._journal.save(RootState(self._rotation, self._records))
        self._view = self._seen()
        self._take_up(now)

    # -- Authority ------------------------------------------------------------------------------

    @property
    def bundle(self) -> Bundle:
        return self._view.bundle

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self._view.chain

    @property
    def signer_end(self) -> datetime:
        return self._view.signer_end

    @property
    def crossed(self) -> tuple[bytes, ...]:
        return self._view.crossed

    @property
    def revoked(self) -> bytes:
        return self._view.revoked

    @property
    def crl(self) -> bytes:
        return self._view.crl

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    async def sign(self, template: Template) -> x509.Certificate:
        material = self._materials[self._rotation.signer]
        try:
            certificate = leaf(template, issuer=material.certificate, key=material.key)
        except ValueError as error:
            raise AuthorityError(f"{name_of(material.certificate)} cannot sign: {error}") from error
        self._signed(material.fingerprint, template)
        return certificate

    # -- rotation -------------------------------------------------------------------------------

    def rotate(self) -> Status:
        """Begin with a new root; raises RotationError where that cannot be."""
        stage = self._rotation.stage
        if stage is not Stage.STABLE:
            raise RotationError(
                f"a rotation is running since {self._rotation.since:%FT%TZ}: {stage}"
            )
        now = self._clock()
        try:
            made = self._source.create(now)
        except OSError as error:
            raise RotationError(f"the new root cannot be kept: {error}") from error
        if made is None:
            raise RotationError(
                "the signing key is not ours to make: put the new files in the place of the old"
            )
        if not self._take_up(now):
            raise RotationError(self._problems.get("state", "the new root cannot be taken up"))
        return self.status()

    def resume(self) -> Status:
        """Sign with the next root without waiting; raises RotationError where nothing waits."""
        lagging = self._facts.lagging if self._facts is not None else ()
        after = stages.resume(self._rotation, now=self._clock(), lagging=lagging)
        if not self._commit(after, self._records):
            raise RotationError(self._problems["state"])
        return self.status()

    def reload(self) -> Reload:
        """Read plugged-in material again. What is new begins a rotation; what is wrong is said, and
        the last good stays in force."""
        found = self._source.reload()
        self._say("material", found.problem)
        if found.problem:
            return found
        changed = self._take_up(self._clock())
        return Reload(changed, self._problems.get("waiting", ""))

    def advance(self, facts: Facts) -> bool:
        """Go on as far as the facts allow; whether the bundle or the signing key is another."""
        self._facts = facts
        before = self._view
        self._take_up(facts.now)
        self._renew(facts.now)
        after = stages.step(
            self._rotation, facts, signer_end=self._view.signer_end, ends=self._ends
        )
        if after != self._rotation:
            self._commit(after, self._records)
            # what had to wait for it need not wait for the next facts
            self._take_up(facts.now)
        # lists of revoked certificates and vouchers end by themselves
        self._look()
        return self._view != before

    def status(self) -> Status:
        rotation = self._rotation
        signing = frozenset(fingerprint(one) for one in self._materials[rotation.signer].roots)
        return Status(
            stage=rotation.stage,
            since=rotation.since,
            signer=rotation.signer,
            roots=tuple(
                Root(name, name_of(one), one.not_valid_after_utc, name in signing)
                for name, one in zip(
                    self.bundle.fingerprints, self.bundle.certificates, strict=True
                )
            ),
            waiting=self._waiting(),
            next_step=stages.next_step(rotation),
            notes=rotation.notes,
            problems=tuple(self._problems.values()),
        )

    # -- inside ---------------------------------------------------------------------------------

    def _waiting(self) -> tuple[str, ...]:
        rotation = self._rotation
        found: tuple[str, ...] = ()
        if rotation.next:
            facts = self._facts or Facts(self._clock(), acknowledged=False)
            found = stages.waiting(rotation, facts)
        return (
            *found,
            *(
                f"the last certificate signed by {name_of(self._records[name].certificate)} "
                f"({name[:16]}) to expire at {end:%FT%TZ}"
                for name in rotation.retiring
                if (end := self._ends.get(name)) is not None
            ),
        )

    def _renew(self, now: datetime) -> None:
        """A root of our own that nears its end is followed by another, unasked."""
        certificate = self._materials[self._rotation.signer].certificate
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if self._rotation.stage is not Stage.STABLE or end - now > (end - start) * _GRACE:
            return
        try:
            made = self._source.create(now)
        except OSError as error:
            self._say(
                "renewal", f"the root ends at {end:%FT%TZ}, a new one cannot be kept: {error}"
            )
            return
        self._say(
            "renewal",
            f"the signing certificate ends at {end:%FT%TZ}: plug in another"
            if made is None
            else "",
        )
        if made is not None:
            self._take_up(now)

    def _take_up(self, now: datetime) -> bool:
        """Bring the rotation in step with the source's newest material; whether that changed
        anything."""
        found, rotation = self._source.material, self._rotation
        name = found.fingerprint
        self._say("waiting", "")
        if name not in (rotation.signer, rotation.next):
            if rotation.next:
                self._say(
                    "waiting",
                    f"{name_of(found.certificate)} ({name[:16]}) waits until the rotation that "
                    "runs is over",
                )
                return False
            after = self._begun(found, now)
        elif name == rotation.signer and rotation.next:
            # whoever plugged in the next key has put the one before back
            after = stages.abandon(rotation, now=now)
        else:
            after = rotation
        known = self._records.get(name)
        record = (
            replace(known, roots=found.roots, crl=found.crl)
            if known is not None
            else Record(
                found.certificate,
                found.roots,
                crossed=self._crossed(found, now),
                crl=found.crl,
            )
        )
        if after == rotation and record == known and found == self._materials.get(name):
            return False
        return self._commit(after, {**self._records, name: record}, found)

    def _crossed(self, found: Material, now: datetime) -> tuple[x509.Certificate, ...]:
        """`found` vouched for by who signs now, which earlier roots have vouched for."""
        signer = self._rotation.signer
        serial = int.from_bytes(self._random(16), "big") or 1
        made = crossed(found, self._materials[signer], now=now, serial=serial)
        return (made, *self._records[signer].crossed)[:MOST] if made is not None else ()

    def _begun(self, found: Material, now: datetime) -> Rotation:
        roots = frozenset(fingerprint(root) for root in found.roots)
        if roots <= frozenset(self.bundle.fingerprints):
            # another intermediate of a root that everyone trusts already
            return stages.switch(self._rotation, found.fingerprint, now=now)
        ends = [end for end in self._csr_ends.values() if end is not None]
        return stages.begin(
            self._rotation, found.fingerprint, now=now, held_until=max(ends, default=None)
        )

    def _signed(self, name: str, template: Template) -> None:
        """Note how long what was signed lasts; on the disk before it can be used."""
        end = template.validity.not_after
        self._ends[name] = _later(self._ends.get(name), end)
        if template.held:
            self._csr_ends[name] = _later(self._csr_ends.get(name), end)
        record = self._records[name]
        late = record.end is None or end > record.end
        late_csr = template.held and (record.csr_end is None or end > record.csr_end)
        if not late and not late_csr:
            return
        kept = end + max(end - self._clock(), _LEAST) / _COARSE
        record = replace(
            record,
            end=kept if late else record.end,
            csr_end=kept if late_csr else record.csr_end,
        )
        records = {**self._records, name: record}
        if self._saved(RootState(self._rotation, records)):
            self._records = records

    def _commit(
        self, rotation: Rotation, records: Mapping[str, Record], found: Material | None = None
    ) -> bool:
        """Make `rotation` the one that stands, if it can be kept."""
        named = (rotation.signer, rotation.next, *rotation.retiring)
        records = {name: records[name] for name in named if name}
        if not self._saved(RootState(rotation, records)):
            return False
        self._rotation, self._records = rotation, records
        materials = {**self._materials, **({found.fingerprint: found} if found else {})}
        using = frozenset(name for name in (rotation.signer, rotation.next) if name)
        self._materials = {name: materials[name] for name in using}
        self._ends = {name: self._ends.get(name) for name in records}
        self._csr_ends = {name: self._csr_ends.get(name) for name in records}
        try:
            self._source.forget(using)
            self._say("keys", "")
        except OSError as error:
            self._say("keys", f"the key of an earlier root cannot be removed: {error}")
        self._look()
        return True

    def _look(self) -> None:
        """Make the view anew, and tell whoever asked if it is another."""
        before, self._view = self._view, self._seen()
        if self._view != before:
            for callback in self._callbacks:
                callback()

    def _saved(self, state: RootState) -> bool:
        try:
            self._journal.save(state)
        except OSError as error:
            self._say("state", f"the state of the rotation cannot be kept: {error}")
            return False
        self._say("state", "")
        return True

    def _say(self, about: str, problem: str) -> None:
        if problem:
            self._problems[about] = problem
        else:
            self._problems.pop(about, None)

    def _seen(self) -> _View:
        material = self._materials[self._rotation.signer]
        records = self._records.values()
        revoked = b"".join(dict.fromkeys(one.crl for one in records if one.crl))
        crl, why = for_proxies(
            revoked, (record.certificate for record in records), now=self._clock()
        )
        self._say("revocations", why)
        roots = tuple(root for record in self._records.values() for root in record.roots)
        return _View(
            signer=material.fingerprint,
            bundle=Bundle(roots, revoked),
            chain=tuple(encode((certificate,)) for certificate in material.chain),
            crossed=tuple(
                encode((certificate,))
                for certificate in self._records[material.fingerprint].crossed
                if certificate.not_valid_after_utc > self._clock()
            ),
            revoked=revoked,
            crl=crl,
            signer_end=material.end,
        )


def _recalled(
    saved: RootState, source: Source, now: datetime
) -> tuple[Rotation, dict[str, Record]]:
    """What was kept, as far as its keys are still there."""
    rotation, newest = saved.rotation, source.material
    if source.recall(rotation.signer) is None:
        note = (
            f"the key of {rotation.signer[:16]}, which signed before the start, is not there, so "
            f"{newest.fingerprint[:16]} signs, whether or not all proxies trust it yet"
        )
        rotation = stages.switch(rotation, newest.fingerprint, now=now, note=note)
    elif rotation.next and source.recall(rotation.next) is None:
        rotation = stages.abandon(rotation, now=now)
    records = dict(saved.records)
    records.setdefault(newest.fingerprint, Record(newest.certificate, newest.roots))
    named = (rotation.signer, rotation.next, *rotation.retiring)
    return rotation, {name: records[name] for name in named if name}


def _keys(source: Source, rotation: Rotation) -> dict[str, Material]:
    found = (source.recall(name) for name in (rotation.signer, rotation.next) if name)
    return {material.fingerprint: material for material in found if material is not None}


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
