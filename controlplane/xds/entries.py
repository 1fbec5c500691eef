"""What a stream knows of one name while that differs from the goal, and what is under way."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from controlplane.xds.reports import Nack
from controlplane.xds.resources import Resource


@dataclass(frozen=True, slots=True)
class Claim:
    """A version that a client says it holds; what that refers to is not known."""

    version: str


Held = Resource | Claim | None


def version_of(held: Held) -> str | None:
    return None if held is None else held.version


@dataclass(slots=True)
class Entry:
    """One name whose acknowledged state differs from the goal.

    acked     what the client acknowledged last
    sent      (sequence number, value) not yet answered, newest last; None says that it is gone
    rejected  the version that it refuses
    owed      to be sent even if it is held
    cohort    names that are sent together while a culprit is searched; 0 is everyone else
    since     when a gate first held it back
    maybe     values that came with one that was refused: the client may have applied them
    applied   the last of these where the client named the culprit: the rest of that was applied
    ghost     a removed route table that is in use until the client unsubscribes
    """

    acked: Held = None
    sent: tuple[tuple[int, Resource | None], ...] = ()
    rejected: Nack | None = None
    owed: bool = False
    cohort: int = 0
    since: float | None = None
    maybe: tuple[Resource | None, ...] = ()
    applied: tuple[Resource | None, ...] = ()
    ghost: Held = None

    @property
    def last(self) -> Held:
        """What the client has once everything sent is acknowledged."""
        return self.sent[-1][1] if self.sent else self.acked

    def awaits(self, sequence: int) -> bool:
        """Whether it was in the response of that number and that is not answered."""
        sent = self.sent
        return bool(sent) and (
            sent[0][0] == sequence or any(number == sequence for number, _ in sent)
        )

    @property
    def known(self) -> Held:
        """What the client has as far as can be told. Who refuses and names nobody has applied
        nothing of it; who names the culprit has applied the rest, also what was removed."""
        if self.sent or not self.applied:
            return self.last
        (value,) = self.applied
        return value if value is None or self.acked is None else self.acked

    def runs(self) -> Iterable[Held]:
        """All that the client may run at this moment."""
        yield self.acked
        yield self.ghost
        yield from self.maybe
        for _, value in self.sent:
            yield value

    def refuses(self, want: Resource) -> bool:
        return self.rejected is not None and self.rejected.version == want.version


class Item(NamedTuple):
    """One name in a response that was sent."""

    name: str
    value: Resource | None


@dataclass(frozen=True, slots=True)
class Flight:
    """A response that was not answered yet. `lot` is what went as a lot (lots.py): names of which
    the client had nothing, and that are not among the items."""

    sequence: int
    at: float
    items: tuple[Item, ...]
    lot: tuple[Resource, ...] = ()
