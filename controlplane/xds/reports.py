"""What a session tells people: events for metrics and logs, and a status to look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, SECRET

_SHORT: Final = {CLUSTER: "cds", ASSIGNMENT: "eds", LISTENER: "lds", ROUTE: "rds", SECRET: "sds"}


@dataclass(frozen=True, slots=True)
class Acked:
    """All that the client asked for of this type is, at this generation, acknowledged."""

    type_url: str
    generation: int


@dataclass(frozen=True, slots=True)
class Nacked:
    """A response was refused. `culprits` are (name, version); empty while they are searched."""

    type_url: str
    culprits: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Waited:
    """A bounded wait ran out and what was held back is sent all the same."""

    what: str
    seconds: float
    why: str


Event = Acked | Nacked | Waited


@dataclass(frozen=True, slots=True)
class Nack:
    """A resource that the client refuses at this version."""

    name: str
    version: str
    text: str


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One type on one stream. `names` counts what is covered by the subscription; `generation`
    is the last one that is wholly acknowledged; `held` has the acknowledged versions by name."""

    type_url: str
    wildcard: bool
    names: int
    generation: int | None
    nacks: tuple[Nack, ...]
    held_back: tuple[str, ...]
    held: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A stream as it is now, a type for each that the client asked for."""

    stream: str
    types: tuple[TypeStatus, ...]


def kind(type_url: str) -> str:
    """The message name in a type URL, as people say it: `Cluster`."""
    return type_url.rsplit(".", 1)[-1]


def short(type_url: str) -> str:
    """The type as Istio's metrics have it: `cds`."""
    return _SHORT.get(type_url, type_url)
