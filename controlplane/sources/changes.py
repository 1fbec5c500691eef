"""What sources tell the store, and what the store tells the loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.kinds import Key, Location, Object, Refusal, Verdict

Age = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """The document in `slot` of `source` is `raw` now. A slot is a place: "file#2", or an object's
    own name where a source knows objects and not files."""

    source: str
    slot: str
    raw: Mapping[str, object] = field(repr=False)
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """There is nothing in `slot` any more."""

    source: str
    slot: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with a file as a whole now; nothing, when `verdicts` is empty."""

    source: str
    path: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """The source has told all that it had."""

    source: str


Change = Put | Delete | Report | Listed


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that is written, at one moment.

    objects    good as they are written
    refused    there, but bad; what is in force instead is decided elsewhere
    verdicts   what is to be said, also of files (`file_key`) and kinds that we do not use
    ages       sorts objects, the oldest first
    changed    keys that are new, gone or different since the Config that was taken before
    synced     whether every source has listed; before that nothing may come of it
    """

    objects: Mapping[Key, Object]
    refused: Mapping[Key, Refusal]
    verdicts: Mapping[Key, tuple[Verdict, ...]]
    locations: Mapping[Key, Location]
    ages: Mapping[Key, Age]
    changed: frozenset[Key]
    synced: bool


EMPTY_CONFIG: Final = Config({}, {}, {}, {}, {}, frozenset(), synced=False)


def file_key(path: str) -> Key:
    """Stands for a file in verdicts."""
    return Key("File", "", path)
