"""The rotation of a signing key, as values: what stands, what may happen next, and why not yet.

STABLE    one key signs, and nothing of an earlier one is in use
TRUSTING  a next key exists and its root is in the bundle; the one before still signs
SIGNING   the next key signs; what the ones before have signed is still in use, so their roots stay

A key leaves, with its root, when the last certificate that it signed has expired. The stage follows
from who is there: with a next one TRUSTING, else with retiring ones SIGNING, else STABLE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

# of those that lag, people are told so many
_NAMED: Final = 20


class Stage(StrEnum):
    STABLE = "STABLE"
    TRUSTING = "TRUSTING"
    SIGNING = "SIGNING"


class RotationError(Exception):
    """Why what an operator asks for is not done; the text is for them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rotation goes by.

    acknowledged  whether all connected proxies have acknowledged the present bundle
    lagging       which have not
    csr_end       the end of the last certificate that was handed out over CSR before the next root
                  was in the bundle: who holds it learns the root only when it renews. What the
                  authority has seen itself it knows
    """

    now: datetime
    acknowledged: bool
    lagging: tuple[str, ...] = ()
    csr_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Keys are named by the fingerprints of their certificates.

    since       when this stage began
    held_until  TRUSTING: before it, clients are left that have not learned the next root
    notes       what people should know of how it came here
    """

    since: datetime
    signer: str
    next: str = ""
    retiring: tuple[str, ...] = ()
    held_until: datetime | None = None
    notes: tuple[str, ...] = ()

    @property
    def stage(self) -> Stage:
        if self.next:
            return Stage.TRUSTING
        return Stage.SIGNING if self.retiring else Stage.STABLE


def begin(rotation: Rotation, name: str, *, now: datetime, held_until: datetime | None) -> Rotation:
    """A next key, whose root is new to proxies; raises RotationError while there is one."""
    if rotation.next:
        raise RotationError(
            "a rotation is running: the next root is being trusted; wait, or resume it"
        )
    held = held_until if held_until is not None and held_until > now else None
    return replace(rotation, since=now, next=name, held_until=held, notes=())


def switch(rotation: Rotation, name: str, *, now: datetime, note: str = "") -> Rotation:
    """`name` signs from now on, and who signed before retires."""
    before = (*rotation.retiring, rotation.signer, rotation.next)
    retiring = tuple(dict.fromkeys(one for one in before if one and one != name))
    notes = (*rotation.notes, note) if note else rotation.notes
    return Rotation(now, name, retiring=retiring, notes=notes)


def abandon(rotation: Rotation, *, now: datetime) -> Rotation:
    """The next key is withdrawn: it has signed nothing, so its root leaves with it."""
    return replace(
        rotation, since=now, next="", held_until=None, notes=("the rotation was undone",)
    )


def resume(rotation: Rotation, *, now: datetime, lagging: tuple[str, ...]) -> Rotation:
    """Sign with the next key although not everyone trusts it; raises RotationError where none
    waits. Who lagged is noted."""
    if not rotation.next:
        raise RotationError(f"nothing waits: the stage is {rotation.stage}")
    note = "resumed by an operator"
    if rotation.held_until is not None and now < rotation.held_until:
        note += f", before {rotation.held_until:%FT%TZ}, when the last client has renewed"
    if lagging:
        note += f", without an acknowledgement of {_listed(lagging)}"
    return switch(rotation, rotation.next, now=now, note=note)


def step(
    rotation: Rotation,
    facts: Facts,
    *,
    signer_end: datetime,
    ends: Mapping[str, datetime | None],
) -> Rotation:
    """What follows from the facts. `signer_end`: when the key that signs expires; `ends`: when the
    last certificate of each key does (None: it has signed nothing)."""
    now = facts.now
    if rotation.next:
        if now >= signer_end:
            note = "the root before has expired, so the next one signs"
            rotation = switch(rotation, rotation.next, now=now, note=note)
        elif not waiting(rotation, facts):
            rotation = switch(rotation, rotation.next, now=now)
    left = tuple(one for one in rotation.retiring if _in_use(ends.get(one), now))
    if left == rotation.retiring:
        return rotation
    stage, after = rotation.stage, replace(rotation, retiring=left)
    return after if after.stage == stage else replace(after, since=now)


def waiting(rotation: Rotation, facts: Facts) -> tuple[str, ...]:
    """What TRUSTING waits for; empty when it may go on."""
    found = []
    if not facts.acknowledged:
        who = _listed(facts.lagging) if facts.lagging else "the connected proxies"
        found.append(f"the new bundle to be acknowledged by {who}")
    ends = [end for end in (rotation.held_until, facts.csr_end) if end is not None]
    if ends and facts.now < max(ends):
        found.append(
            f"clients that hold their own keys, until the last of their certificates from before "
            f"has expired at {max(ends):%FT%TZ}"
        )
    return tuple(found)


def next_step(rotation: Rotation) -> str:
    """What happens next, for people."""
    match rotation.stage:
        case Stage.TRUSTING:
            return "the next root signs, as soon as all trust it; `resume` does not wait for them"
        case Stage.SIGNING:
            return "earlier roots leave the bundle when their last certificate has expired"
        case Stage.STABLE:
            return "none; `rotate` begins with a new root"


def _in_use(end: datetime | None, now: datetime) -> bool:
    return end is not None and now < end


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
