"""The values that decoding yields: objects, refusals and verdicts. Nothing here reads anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Key(NamedTuple):
    """Who an object is; `namespace` is "" for what has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we think of one object, for the person who wrote it.

    `reason` is a CamelCase token, `field` a path ("spec.http[0].route[1].weight", "" for the whole
    object), `message` says the value and why, `remedy` what to do.
    """

    object: Key
    severity: Severity
    reason: str
    field: str
    message: str
    remedy: str
    others: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Meta:
    """What we read of an object's metadata. `created` is None where it was not given."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created: datetime | None
    generation: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where a document stands; document and line count from 1."""

    file: str
    document: int
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Object:
    """A good object. Equal objects have the same content; when and where they were written, and
    the document `raw` that they came from, do not count.

    `order` sorts objects oldest first; the store fills it.
    """

    key: Key
    meta: Meta
    spec: object
    warnings: tuple[Verdict, ...] = ()
    order: tuple[int | str, ...] = field(default=(), compare=False)
    raw: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def export_to(self) -> tuple[str, ...]:
        """Who sees a Service, by Istio's annotation: namespaces, "." or "*" (the default)."""
        written = self.meta.annotations.get("networking.istio.io/exportTo", "")
        return tuple(name.strip() for name in written.split(",") if name.strip()) or ("*",)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bad object: at least one verdict is an error."""

    key: Key
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A document of a kind that we do not use."""

    kind: str
    api_version: str
